-- spend per customer and category in the window
select
    customer_products.customer_id,
    products.category,
    sum(customer_products.net_ron)::decimal(18, 2) as net_ron
from customer_products
inner join products using (product_id)
group by customer_products.customer_id, products.category
