-- candidates per customer
select customer_id, count(*) as candidate_count
from pool
group by customer_id
order by customer_id
