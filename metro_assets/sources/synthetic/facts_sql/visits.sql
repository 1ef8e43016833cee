-- Rhythm and basket of each segment: one row per segment.
with weeks as (
    select count(distinct run_date) / 7.0 as weeks from orders
),
per_customer as (
    select customer_id, count(*) / any_value(weeks) as visits_per_week
    from orders cross join weeks
    group by customer_id
),
baskets as (
    select segment,
        quantile_cont(line_count, [0.10, 0.50, 0.90, 0.99]) as lines,
        median(net_ron) as basket_ron,
        count(*) as orders
    from orders join customers using (customer_id)
    group by segment
),
rhythm as (
    select segment, quantile_cont(visits_per_week, [0.10, 0.50, 0.90]) as visits, count(*) as customers
    from per_customer join customers using (customer_id)
    group by segment
)
select segment, customers, orders,
    visits[1] as visits_p10, visits[2] as visits_p50, visits[3] as visits_p90,
    lines[1] as lines_p10, lines[2] as lines_p50, lines[3] as lines_p90, lines[4] as lines_p99,
    basket_ron::double as basket_ron_p50
from rhythm join baskets using (segment)
order by customers desc;
