-- pairs of the pool with their true value in the place of the predicted one, and their category
select
    valued.customer_id,
    'uplift' as algorithm,
    valued.offer_id,
    0::float as score,
    valued.value_ron,
    null::float as log_odds_sd,
    offers.category
from valued
inner join offers using (offer_id)
