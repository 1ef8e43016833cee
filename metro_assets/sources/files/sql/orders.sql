-- orders that have a line
with lines as (
    select order_id, count(*) as line_count, sum(net_ron) as net_ron
    from order_items
    group by order_id
)

select
    numbered_orders.run_date,
    numbered_orders.order_id,
    numbered_orders.customer_id,
    numbered_orders.store_id,
    numbered_orders.ordered_at,
    coalesce(numbered_orders.line_count, lines.line_count)::smallint as line_count,
    coalesce(numbered_orders.net_ron, lines.net_ron)::decimal(12, 2) as net_ron,
    numbered_orders.recorded_date
from numbered_orders
inner join lines using (order_id)
order by numbered_orders.run_date, numbered_orders.order_id
