-- settled impressions whose redemption became known on the day before: until then they counted as not redeemed
select known.*
from known
cross join parameters
inner join known_before on known.impression_id = known_before.impression_id
where known.label = 1 and known_before.label = 0 and known.shown_date < parameters.newest_date
