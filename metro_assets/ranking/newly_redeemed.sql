-- impressions that count as redeemed now and did not on the day before
select known.*
from known
inner join known_before on known.impression_id = known_before.impression_id
where known.label = 1 and known_before.label = 0
