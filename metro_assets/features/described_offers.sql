-- live offers of one date with their features and what a pair's formulas need of them
select
    offer_features.* exclude (run_date),
    offers.run_date as as_of_date,
    offers.category,
    offers.valid_to_date
from offers
inner join offer_features using (offer_id)
