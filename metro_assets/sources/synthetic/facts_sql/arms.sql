-- The exposure experiment: one row per arm.
select arm, count(*) as customer_days, count(*) / sum(count(*)) over () as share, avg(probability) as stated_probability
from assignments
group by arm
order by arm;
