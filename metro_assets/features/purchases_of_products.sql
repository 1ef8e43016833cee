-- what each customer bought of the products of each live offer, at one date; `repeat_count` is the orders of the product
-- bought most often, for products bought together are one purchase of a cycle
select
    customer_products.customer_id,
    offer_products.offer_id,
    offer_products.run_date as as_of_date,
    sum(customer_products.order_count)::bigint as purchase_count,
    max(customer_products.order_count)::bigint as repeat_count,
    min(customer_products.first_date) as first_date,
    max(customer_products.last_date) as last_date
from customer_products
semi join moments using (customer_id)
inner join offer_products using (product_id)
group by customer_products.customer_id, offer_products.offer_id, offer_products.run_date
