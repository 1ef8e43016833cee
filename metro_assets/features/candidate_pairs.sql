-- the candidates as pairs at their run date
select
    customer_id,
    offer_id,
    run_date as as_of_date
from candidate_pool
