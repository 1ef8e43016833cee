-- impressions of the random slates with their label: redeemed on the day shown or the days of the horizon after it
select
    impressions.run_date as shown_date,
    impressions.slate_id,
    impressions.customer_id,
    impressions.offer_id,
    exists (
        select 1
        from redemptions
        where
            redemptions.customer_id = impressions.customer_id
            and redemptions.offer_id = impressions.offer_id
            and redemptions.run_date >= impressions.run_date
            and redemptions.run_date < impressions.run_date + parameters.horizon_days::integer
    )::tinyint as label
from impressions
cross join parameters
where impressions.policy = parameters.policy and impressions.run_date <= parameters.last_shown_date
order by shown_date, slate_id, impressions.offer_id
