-- live offers with what a pair's formulas need of them
select
    offers.offer_id,
    offers.run_date as as_of_date,
    offers.category,
    offer_features.discount_depth
from offers
inner join offer_features using (offer_id)
