-- the products of each customer's candidates, each with one of the offers that it is under
select
    candidates.customer_id,
    offer_products.product_id,
    min(offer_products.offer_id) as offer_id
from candidates
inner join offer_products using (offer_id)
group by candidates.customer_id, offer_products.product_id
