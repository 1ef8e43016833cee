-- offers that the policy showed on the settled days, and how many of them were redeemed within the horizon
select
    count(*) as shown_count,
    count(*) filter (
        exists (
            select 1
            from redemptions
            where
                redemptions.customer_id = impressions.customer_id
                and redemptions.offer_id = impressions.offer_id
                and redemptions.run_date >= impressions.run_date
                and redemptions.run_date < impressions.run_date + parameters.horizon_days::integer
        )
    ) as redeemed_count
from impressions
cross join parameters
where impressions.policy = parameters.policy and impressions.run_date <= parameters.last_shown_date
