-- impressions of the day before each run date that were known by then, to customers who were
select impressions.*
from impressions
inner join run_dates on impressions.run_date = run_dates.run_date - 1
inner join customers on impressions.customer_id = customers.customer_id
where impressions.recorded_date < run_dates.run_date
    and customers.registered_date < impressions.run_date
