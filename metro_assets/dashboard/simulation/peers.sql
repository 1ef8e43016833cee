-- who of each trade bought which product of a live offer: what the reason on a tag counts
select customers.business_type, bought.product_id, bought.customer_id
from bought
inner join customers using (customer_id)
semi join offer_products using (product_id)
order by customers.business_type, bought.product_id, bought.customer_id
