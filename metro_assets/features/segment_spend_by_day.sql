-- daily sums per segment and category
select
    segment,
    run_date,
    recorded_date,
    category_id,
    sum(net_ron)::decimal(18, 2) as net_ron,
    sum(offer_ron)::decimal(18, 2) as offer_ron
from by_day
group by segment, run_date, recorded_date, category_id
