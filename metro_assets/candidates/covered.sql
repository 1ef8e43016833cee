-- products of live offers that have a vector
select offer_products.offer_id, product_vectors.context_vector
from offer_products
inner join product_vectors using (product_id)
order by offer_products.offer_id, offer_products.product_id
