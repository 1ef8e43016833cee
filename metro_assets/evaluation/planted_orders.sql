-- a large order of each sampled customer at every moment that a run must not know
select
    moments.happened_date as run_date,
    -1 as order_id,
    sampled.customer_id,
    moments.happened_date::timestamp as ordered_at,
    1 as line_count,
    parameters.amount_ron as net_ron,
    moments.known_date as recorded_date
from sampled
cross join moments
cross join parameters
