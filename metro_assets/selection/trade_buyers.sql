-- how many of each trade and county bought which product of a live offer
with known_customers as (
    select customer_id, business_type, county
    from customers, parameters
    where registered_date < parameters.run_date
),

offered_products as (
    select distinct product_id
    from offer_products
)

select
    known_customers.business_type,
    known_customers.county,
    customer_products.product_id,
    count(*) as buyer_count
from customer_products
semi join offered_products on customer_products.product_id = offered_products.product_id
inner join known_customers on customer_products.customer_id = known_customers.customer_id
group by known_customers.business_type, known_customers.county, customer_products.product_id
