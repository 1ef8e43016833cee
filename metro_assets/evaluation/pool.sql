-- the whole pool of customers who redeemed something of it, with outcomes, scores and baselines
with redeemed as (
    select distinct customer_id, offer_id
    from redemptions
    where run_date >= (select first_date from parameters)
        and run_date < (select last_date from parameters)
        and recorded_date < (select last_date from parameters)
),

redeemers as (
    select distinct candidate_pool.customer_id
    from candidate_pool
    inner join redeemed using (customer_id, offer_id)
),

scores as (
    pivot (select * from scored_candidates semi join redeemers using (customer_id))
    on algorithm
    using any_value(score)
    group by customer_id, offer_id
)

select
    scores.*,
    (redeemed.offer_id is not null)::tinyint as label,
    interaction_features.bought_before,
    interaction_features.days_since_product,
    coalesce(popularity.buyers, 0) as popularity
from scores
inner join interaction_features using (customer_id, offer_id)
left join redeemed using (customer_id, offer_id)
left join popularity using (offer_id)
order by customer_id, offer_id
