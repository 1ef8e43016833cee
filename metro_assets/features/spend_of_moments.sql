-- window sums per moment and category, from daily sums
select
    moments.customer_id,
    moments.as_of_date,
    by_day.category_id,
    sum(by_day.net_ron)::decimal(18, 2) as net_ron,
    sum(by_day.own_brand_ron)::decimal(18, 2) as own_brand_ron,
    sum(by_day.offer_ron)::decimal(18, 2) as offer_ron,
    sum(by_day.line_count)::bigint as line_count,
    sum(by_day.tier_line_count)::bigint as tier_line_count
from by_day
inner join moments
    on by_day.customer_id = moments.customer_id
    and by_day.run_date >= moments.from_date
    and by_day.run_date < moments.as_of_date
    and by_day.recorded_date < moments.as_of_date
group by moments.customer_id, moments.as_of_date, by_day.category_id
