-- a basket has one household, one store and one moment
select
    order_id,
    customer_id,
    store_id,
    min(ordered_at) as ordered_at,
    count(*)::smallint as line_count,
    sum(paid_value::decimal(12, 2))::decimal(12, 2) as net_ron
from lines
group by order_id, customer_id, store_id
order by ordered_at, order_id
