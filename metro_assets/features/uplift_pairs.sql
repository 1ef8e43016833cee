-- pairs of a randomised moment in the shape of impressions: what a random slate showed, and for a hold-out as many offers
-- as a slate has, drawn by hash from those that it could have shown; `policy` is the arm, `propensity` the probability of
-- having been shown rather than held out
with shown as (
    select moments.*, showable.offer_id, impressions.position
    from moments
    inner join showable using (run_date, customer_id)
    inner join impressions
        on showable.run_date = impressions.run_date
        and showable.customer_id = impressions.customer_id
        and showable.offer_id = impressions.offer_id
        and impressions.recorded_date <= impressions.run_date
    where moments.arm = 'EXPLORATION'
    qualify
        row_number() over (
            partition by moments.run_date, moments.customer_id, showable.offer_id
            order by impressions.impression_id
        ) = 1
),

held_out as (
    select moments.*, showable.offer_id, null::tinyint as position
    from moments
    inner join showable using (run_date, customer_id)
    where moments.arm = 'HOLDOUT'
    qualify
        row_number() over (
            partition by moments.run_date, moments.customer_id
            order by
                hash(moments.customer_id, showable.offer_id, moments.run_date, (select seed from parameters)),
                showable.offer_id
        ) <= (select offers_per_moment from parameters)
),

pairs as (
    from shown
    union all
    from held_out
)

select
    run_date,
    customer_id::bigint * 4294967296 + offer_id as impression_id,
    customer_id::bigint as slate_id,
    customer_id,
    offer_id,
    position,
    arm as policy,
    treatment_probability as propensity,
    run_date as recorded_date
from pairs
