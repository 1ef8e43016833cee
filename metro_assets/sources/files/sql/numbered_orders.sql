-- orders with numbers for ids, and the day that their lines have
select
    given.order_id as source_id,
    number_of_order(given.order_id) as order_id,
    customers.id as customer_id,
    stores.id as store_id,
    given.ordered_at,
    given.ordered_at::date as run_date,
    coalesce(given.recorded_date, given.ordered_at::date) as recorded_date,
    given.line_count,
    given.net_ron
from typed_orders as given
inner join ids_of_customers as customers on given.customer_id = customers.source_id
left join ids_of_stores as stores on given.store_id = stores.source_id
