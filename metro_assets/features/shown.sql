-- impressions of the day before each run date that were known by then
select impressions.*
from impressions
inner join run_dates on impressions.run_date = run_dates.run_date - 1
where impressions.recorded_date < run_dates.run_date
