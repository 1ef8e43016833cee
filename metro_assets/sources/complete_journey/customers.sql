-- households that bought or were written to; known from the first of the two on
with known as (
    select customer_id, ordered_at::date as known_date from orders
    union all
    select customer_id, shown_at::date - 1 from impressions
)

select
    customer_id,
    'household ' || customer_id as name,
    'UNKNOWN' as segment,
    'UNKNOWN' as business_type,
    min(known_date) as registered_date
from known
group by customer_id
order by customer_id
