-- customers per size of their pool
with sizes as (
    select customer_id, count(*) as candidate_count
    from candidates
    group by customer_id
)

select candidate_count, count(*) as customer_count
from sizes
group by candidate_count
order by candidate_count
