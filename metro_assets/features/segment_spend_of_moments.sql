-- window sums per segment and category at every date of the moments
with dates as (
    select distinct as_of_date, from_date
    from moments
)

select
    segment_days.segment,
    dates.as_of_date,
    categories.category,
    sum(segment_days.net_ron)::decimal(18, 2) as net_ron,
    sum(segment_days.offer_ron)::decimal(18, 2) as offer_ron
from segment_days
inner join categories using (category_id)
inner join dates
    on segment_days.run_date >= dates.from_date
    and segment_days.run_date < dates.as_of_date
    and segment_days.recorded_date < dates.as_of_date
group by segment_days.segment, dates.as_of_date, categories.category
