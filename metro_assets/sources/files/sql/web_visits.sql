-- the newest view of a product by a customer on each day
select
    given.viewed_at::date as run_date,
    customers.id as customer_id,
    products.id as product_id,
    max(given.viewed_at) as viewed_at,
    max(coalesce(given.recorded_date, given.viewed_at::date)) as recorded_date
from typed_web_visits as given
inner join ids_of_customers as customers on given.customer_id = customers.source_id
inner join ids_of_products as products on given.product_id = products.source_id
group by given.viewed_at::date, customers.id, products.id
order by run_date, customers.id, products.id
