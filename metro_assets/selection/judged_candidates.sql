-- one row per scored candidate whose offer is live: its category, and the first rule that forbids it (null: none does)
with
live_offers as (
    select offers.offer_id, offers.category
    from offers, parameters
    where parameters.run_date between offers.valid_from_date and offers.valid_to_date
),

consenting_customers as (
    select customer_id
    from customers
    where (has_email_consent or has_sms_consent or has_whatsapp_consent) is not false
),

redeemed_pairs as (
    select distinct redemptions.customer_id, redemptions.offer_id
    from redemptions, parameters
    where redemptions.run_date < parameters.run_date and redemptions.recorded_date < parameters.run_date
),

overexposed_pairs as (
    select impressions.customer_id, impressions.offer_id
    from impressions, parameters
    where
        impressions.run_date >= parameters.week_start_date
        and impressions.run_date < parameters.run_date
        and impressions.recorded_date < parameters.run_date
    group by impressions.customer_id, impressions.offer_id
    having count(*) >= any_value(parameters.maximum_weekly_exposures)
)

select
    scored_candidates.customer_id,
    scored_candidates.algorithm,
    scored_candidates.offer_id,
    scored_candidates.score,
    scored_candidates.value_ron,
    scored_candidates.log_odds_sd,
    live_offers.category,
    case
        when consenting_customers.customer_id is null then 'NO_CONSENT'
        when redeemed_pairs.offer_id is not null then 'ALREADY_REDEEMED'
        when overexposed_pairs.offer_id is not null then 'EXPOSURE_LIMIT'
    end as barrier
from scored_candidates
inner join live_offers on scored_candidates.offer_id = live_offers.offer_id
left join consenting_customers on scored_candidates.customer_id = consenting_customers.customer_id
left join redeemed_pairs
    on
        scored_candidates.customer_id = redeemed_pairs.customer_id
        and scored_candidates.offer_id = redeemed_pairs.offer_id
left join overexposed_pairs
    on
        scored_candidates.customer_id = overexposed_pairs.customer_id
        and scored_candidates.offer_id = overexposed_pairs.offer_id
