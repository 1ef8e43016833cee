-- how many customers of each trade there are
select business_type, count(*) as member_count
from customers, parameters
where registered_date < parameters.run_date
group by business_type
