-- the whole pool of judged customers who redeemed something of it, by algorithm, with outcomes and what the baselines
-- need
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
    semi join judged_customers using (customer_id)
    inner join redeemed using (customer_id, offer_id)
)

select
    scored_candidates.customer_id,
    scored_candidates.offer_id,
    scored_candidates.algorithm,
    scored_candidates.score,
    (redeemed.offer_id is not null)::tinyint as label,
    interaction_features.product_purchases as repeat_purchase,
    coalesce(popularity.line_count, 0) as popularity
from scored_candidates
semi join redeemers using (customer_id)
inner join interaction_features using (customer_id, offer_id)
left join redeemed using (customer_id, offer_id)
left join popularity using (offer_id)
