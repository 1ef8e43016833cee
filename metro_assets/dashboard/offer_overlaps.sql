-- one row per ordered pair of offers that some customer got both of: Jaccard index of their customers
with
sizes as (
    select offer_id, count(*) as customer_count
    from chosen
    group by offer_id
),

pairs as (
    select one.offer_id, other.offer_id as other_offer_id, count(*) as both_count
    from chosen as one
    inner join chosen as other on one.customer_id = other.customer_id and one.offer_id <> other.offer_id
    group by one.offer_id, other.offer_id
)

select
    pairs.offer_id,
    pairs.other_offer_id,
    pairs.both_count,
    pairs.both_count / (ours.customer_count + theirs.customer_count - pairs.both_count) as overlap_share
from pairs
inner join sizes as ours on pairs.offer_id = ours.offer_id
inner join sizes as theirs on pairs.other_offer_id = theirs.offer_id
qualify
    row_number() over (
        partition by pairs.offer_id order by overlap_share desc, pairs.other_offer_id
    ) <= (select kept from parameters)
order by pairs.offer_id, overlap_share desc, pairs.other_offer_id
