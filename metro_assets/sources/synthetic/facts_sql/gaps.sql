-- Spread of the days between a customer's visits: one row; customers with at least five visits.
with gaps as (
    select customer_id, run_date - lag(run_date) over (partition by customer_id order by run_date) as gap_days
    from (select distinct customer_id, run_date from orders)
),
spread as (
    select customer_id, stddev_samp(gap_days) / avg(gap_days) as variation
    from gaps
    where gap_days is not null
    group by customer_id
    having count(*) >= 4
)
select quantile_cont(variation, [0.05, 0.5, 0.95]) as variation from spread;
