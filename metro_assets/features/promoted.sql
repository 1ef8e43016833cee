-- products of the live offers, per day
select distinct
    offer_products.product_id,
    offer_products.run_date
from offer_products
inner join live_offers
    on offer_products.offer_id = live_offers.offer_id and offer_products.run_date = live_offers.run_date
