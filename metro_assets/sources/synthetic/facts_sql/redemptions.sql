-- Redemptions per impression (first impression of offer and customer) by policy: one row per policy.
with shown as (
    select customer_id, offer_id, arg_min(policy, impression_id) as policy
    from impressions
    group by customer_id, offer_id
),
redeemed as (
    select distinct customer_id, offer_id from redemptions where impression_id is not null
)
select policy, count(*) as pairs, count(redeemed.offer_id) / count(*) as redemption_rate
from shown left join redeemed using (customer_id, offer_id)
group by policy
order by pairs desc;
