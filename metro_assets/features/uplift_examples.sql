-- pairs of randomised moments with the features as of the moment
select
    * exclude (impression_id, slate_id, policy, propensity),
    policy = 'EXPLORATION' as is_treated,
    propensity as treatment_probability
from described
