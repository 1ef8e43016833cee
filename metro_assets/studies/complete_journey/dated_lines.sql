-- order lines on the day of their order
select
    order_items.*,
    orders.customer_id,
    orders.run_date,
    orders.recorded_date
from order_items
inner join orders using (order_id)
