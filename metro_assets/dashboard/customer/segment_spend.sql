-- one row per segment and category: the spend of the window
select customers.segment, products.category, sum(customer_products.net_ron)::double as net_ron
from customer_products
inner join products using (product_id)
inner join customers using (customer_id)
group by customers.segment, products.category
