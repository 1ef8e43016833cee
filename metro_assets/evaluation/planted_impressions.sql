-- every candidate shown to its customer, at every moment that a run must not know
select
    moments.happened_date as run_date,
    -1 as impression_id,
    -1 as slate_id,
    candidates.customer_id,
    candidates.offer_id,
    moments.happened_date::timestamp as shown_at,
    1 as position,
    'canary' as policy,
    moments.known_date as recorded_date
from candidates
cross join moments
