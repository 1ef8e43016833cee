-- offers of the days on which something was shown
select offers.*
from offers
inner join (select distinct run_date from shown) as shown_days using (run_date)
