-- customers with a pool, beyond the maximum a uniform sample of them
select distinct customer_id
from candidate_pool
order by hash(customer_id, (select seed from parameters)), customer_id
limit (select maximum_customers from parameters)
