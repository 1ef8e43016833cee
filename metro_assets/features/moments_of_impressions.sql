-- customers and days on which something was shown to them
select distinct
    customer_id,
    run_date as as_of_date,
    run_date - (select window_days from parameters)::integer as from_date
from shown
