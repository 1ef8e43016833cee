-- every algorithm's ten by its policy
select *, null::float as value_ron, 1.0::float as propensity
from by_score
union all by name
select *, 1.0::float as propensity
from by_value
union all by name
select customer_id, algorithm, rank, offer_id, score, null::float as value_ron, propensity::float as propensity
from sampled
