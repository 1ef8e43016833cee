-- smoothed redemptions per impression of a mechanic in a category, at every date of the live offers
with kinds as (
    select offer_id, run_date, mechanic, category
    from offers
),

events as (
    select offer_id, run_date, recorded_date, 1 as impression_count, 0 as redemption_count
    from impressions
    union all
    select offer_id, run_date, recorded_date, 0 as impression_count, 1 as redemption_count
    from redemptions
    where impression_id is not null
),

by_day as (
    select
        kinds.mechanic,
        kinds.category,
        events.run_date,
        events.recorded_date,
        sum(events.impression_count) as impression_count,
        sum(events.redemption_count) as redemption_count
    from events
    inner join kinds using (offer_id, run_date)
    group by kinds.mechanic, kinds.category, events.run_date, events.recorded_date
),

live as (
    select distinct
        mechanic,
        category,
        run_date as as_of_date,
        run_date - (select window_days from parameters)::integer as from_date
    from live_offers
),

sums as (
    select
        live.mechanic,
        live.category,
        live.as_of_date,
        coalesce(sum(by_day.impression_count), 0)::double as impression_count,
        coalesce(sum(by_day.redemption_count), 0)::double as redemption_count
    from live
    left join by_day
        on live.mechanic = by_day.mechanic
        and live.category = by_day.category
        and by_day.run_date >= live.from_date
        and by_day.run_date < live.as_of_date
        and by_day.recorded_date < live.as_of_date
    group by live.mechanic, live.category, live.as_of_date
)

select
    sums.mechanic,
    sums.category,
    sums.as_of_date,
    least(
        1,
        (sums.redemption_count + parameters.redemption_prior_rate * parameters.redemption_prior_impressions)
        / (sums.impression_count + parameters.redemption_prior_impressions)
    ) as offer_redemption_rate
from sums
cross join parameters
