-- every candidate redeemed by its customer after having been shown, at every moment that a run must not know
select
    moments.happened_date as run_date,
    -1 as redemption_id,
    candidates.customer_id,
    candidates.offer_id,
    -1 as impression_id,
    moments.happened_date::timestamp as redeemed_at,
    parameters.amount_ron as discount_ron,
    moments.known_date as recorded_date
from candidates
cross join moments
cross join parameters
