-- products of the offers, on the first day only: that is when they are shown and described
select offer_products.*, offers.valid_from_date as run_date
from offer_products
inner join offers using (offer_id)
