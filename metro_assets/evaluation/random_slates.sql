-- offers that were shown at random to a customer of the exploration arm, and whether each was redeemed in the horizon
with
random_customers as (
    select assignments.run_date, assignments.customer_id
    from assignments
    cross join parameters
    where
        assignments.arm = 'EXPLORATION'
        and assignments.run_date between parameters.first_date and parameters.last_date
        and assignments.recorded_date < parameters.run_date
),

known as (
    select distinct redemptions.customer_id, redemptions.offer_id, redemptions.run_date as redeemed_date
    from redemptions
    cross join parameters
    where redemptions.run_date < parameters.run_date and redemptions.recorded_date < parameters.run_date
),

shown as (
    select
        impressions.run_date as shown_date,
        impressions.slate_id,
        impressions.customer_id,
        impressions.offer_id,
        impressions.propensity
    from impressions
    cross join parameters
    inner join random_customers
        on impressions.run_date = random_customers.run_date and impressions.customer_id = random_customers.customer_id
    where impressions.propensity is not null and impressions.recorded_date < parameters.run_date
),

redeemed as (
    select distinct shown.slate_id, shown.offer_id
    from shown
    cross join parameters
    inner join known
        on
            shown.customer_id = known.customer_id
            and shown.offer_id = known.offer_id
            and known.redeemed_date >= shown.shown_date
            and known.redeemed_date < shown.shown_date + parameters.horizon_days::integer
)

select shown.*, (redeemed.offer_id is not null)::double as reward
from shown
left join redeemed on shown.slate_id = redeemed.slate_id and shown.offer_id = redeemed.offer_id
order by shown.slate_id, shown.offer_id
