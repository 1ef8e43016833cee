-- of what pooled customers redeemed of the offers live on the served date, the share that the pool and each strategy found
with redeemed as (
    select distinct redemptions.customer_id, redemptions.offer_id
    from redemptions
    inner join offers using (offer_id)
    where redemptions.run_date >= (select first_date from parameters)
        and redemptions.run_date < (select last_date from parameters)
        and redemptions.recorded_date < (select last_date from parameters)
),

customers as (
    select distinct customer_id from candidate_pool
)

select
    count(*) as redemption_count,
    count(distinct redeemed.customer_id) as customer_count,
    avg((found.offer_id is not null)::tinyint) as "pool",
    avg((found.category_affinity_rank is not null)::tinyint) as category_affinity,
    avg((found.segment_popularity_rank is not null)::tinyint) as segment_popularity,
    avg((found.repeat_purchase_rank is not null)::tinyint) as repeat_purchase,
    avg((found.high_margin_rank is not null)::tinyint) as high_margin,
    avg((found.embedding_rank is not null)::tinyint) as embedding
from redeemed
semi join customers using (customer_id)
left join candidate_pool as found using (customer_id, offer_id)
