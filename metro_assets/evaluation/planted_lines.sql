-- a large line of every product on offer to each sampled customer, at every moment that a run must not know
select
    moments.happened_date as run_date,
    -1 as order_id,
    wanted.customer_id,
    wanted.product_id,
    parameters.quantity,
    3 as tier,
    parameters.amount_ron / parameters.quantity as unit_price_ron,
    parameters.amount_ron as net_ron,
    wanted.offer_id,
    moments.known_date as recorded_date
from wanted
cross join moments
cross join parameters
