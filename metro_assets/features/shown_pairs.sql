-- customers and offers of the impressions
select distinct
    customer_id,
    offer_id,
    run_date as as_of_date
from shown
