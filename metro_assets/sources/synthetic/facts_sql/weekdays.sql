-- Visits on a weekday over the segment's mean day: one row per segment and weekday (1 = Monday).
with daily as (
    select segment, run_date, count(*) as visits
    from orders join customers using (customer_id)
    group by segment, run_date
),
weekdays as (
    select segment, isodow(run_date) as weekday, avg(visits) as visits
    from daily
    group by segment, weekday
)
select segment, weekday, visits / avg(visits) over (partition by segment) as factor
from weekdays
order by segment, weekday;
