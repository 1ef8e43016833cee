-- scores of the candidates alone, from the least score that may be shown on
select scored.*
from scored
semi join candidates using (customer_id, offer_id)
cross join parameters
where score >= parameters.least_score
