-- campaigns with their days and how their mailing is known
with policies as (
    select offer_id // 1000 as campaign_id, any_value(policy) as policy
    from impressions
    group by campaign_id
)

select
    policies.campaign_id,
    min(offers.valid_from_date) as first_date,
    max(offers.valid_to_date) as last_date,
    any_value(policies.policy) as policy
from offers
inner join policies on offers.offer_id // 1000 = policies.campaign_id
group by policies.campaign_id
order by first_date, policies.campaign_id
