-- orders of the window per moment
select
    moments.customer_id,
    moments.as_of_date,
    count(*) as order_count,
    max(orders.run_date) as last_order_date
from orders
inner join moments
    on orders.customer_id = moments.customer_id
    and orders.run_date >= moments.from_date
    and orders.run_date < moments.as_of_date
    and orders.recorded_date < moments.as_of_date
group by moments.customer_id, moments.as_of_date
