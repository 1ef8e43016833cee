-- what each customer bought of the products of each live offer in the window
select
    customer_products.customer_id,
    offer_products.offer_id,
    sum(customer_products.order_count)::bigint as purchase_count,
    max(customer_products.last_date) as last_date
from customer_products
inner join offer_products using (product_id)
group by customer_products.customer_id, offer_products.offer_id
