-- discounts redeemed in the window per segment, at every date of the moments
with by_day as (
    select
        customers.segment,
        redemptions.run_date,
        redemptions.recorded_date,
        sum(redemptions.discount_ron)::decimal(18, 2) as discount_ron
    from redemptions
    inner join customers using (customer_id)
    group by customers.segment, redemptions.run_date, redemptions.recorded_date
),

dates as (
    select distinct as_of_date, from_date
    from moments
)

select
    by_day.segment,
    dates.as_of_date,
    sum(by_day.discount_ron)::decimal(18, 2) as discount_ron
from by_day
inner join dates
    on by_day.run_date >= dates.from_date
    and by_day.run_date < dates.as_of_date
    and by_day.recorded_date < dates.as_of_date
group by by_day.segment, dates.as_of_date
