-- every coupon of a campaign to every household that it was sent to, on the campaign's first morning; of Type A each
-- household was mailed 16 out of the pool, chosen from what it had bought, and which ones is not recorded
select
    campaigns.household_id::integer as customer_id,
    coupons.offer_id,
    (campaigns.campaign_id * 10000 + campaigns.household_id)::bigint as slate_id,
    (campaigns.campaign_id * 10000 + campaigns.household_id)::bigint * 1000 + coupons.offer_id % 1000 as impression_id,
    coupons.valid_from_date::timestamp as shown_at,
    'CATALOG' as channel,
    if(descriptions.campaign_type = 'Type A', 'pool', 'mailed') as policy
from (select distinct campaign_id, household_id from raw_campaigns) as campaigns
inner join raw_campaign_descriptions as descriptions using (campaign_id)
inner join (select distinct campaign_id, offer_id, valid_from_date from coupons) as coupons using (campaign_id)
order by shown_at, slate_id, coupons.offer_id
