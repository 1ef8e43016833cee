-- the products of the pairs' offers
select distinct offer_id, product_id
from offer_products
where offer_id in (select offer_id from pairs)
