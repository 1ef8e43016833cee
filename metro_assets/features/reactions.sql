-- redemptions of the window per moment
with by_day as (
    select
        customer_id,
        run_date,
        recorded_date,
        count(*) as redemption_count,
        sum(discount_ron)::decimal(18, 2) as discount_ron
    from redemptions
    group by customer_id, run_date, recorded_date
)

select
    moments.customer_id,
    moments.as_of_date,
    sum(by_day.redemption_count)::bigint as redemption_count,
    sum(by_day.discount_ron)::decimal(18, 2) as discount_ron
from by_day
inner join moments
    on by_day.customer_id = moments.customer_id
    and by_day.run_date >= moments.from_date
    and by_day.run_date < moments.as_of_date
    and by_day.recorded_date < moments.as_of_date
group by moments.customer_id, moments.as_of_date
