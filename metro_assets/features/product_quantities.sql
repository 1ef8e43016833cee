-- typical units per line of a product at every date on which it is promoted: the geometric mean over the window, which
-- is the median where quantities are lognormal and, unlike a median, adds up over days
with product_moments as (
    select distinct
        product_id,
        run_date as as_of_date,
        run_date - (select window_days from parameters)::integer as from_date
    from promoted
),

by_day as (
    select
        product_id,
        run_date,
        recorded_date,
        sum(ln(quantity::double)::decimal(18, 12)) as log_quantity,
        count(*) as line_count
    from lines
    where product_id in (select product_id from product_moments)
    group by product_id, run_date, recorded_date
)

select
    product_moments.product_id,
    product_moments.as_of_date,
    -- rounded, so that who all buy exactly a tier's quantity reach the tier
    round(exp(sum(by_day.log_quantity)::double / sum(by_day.line_count)::double), 6) as typical_quantity
from by_day
inner join product_moments
    on by_day.product_id = product_moments.product_id
    and by_day.run_date >= product_moments.from_date
    and by_day.run_date < product_moments.as_of_date
    and by_day.recorded_date < product_moments.as_of_date
group by product_moments.product_id, product_moments.as_of_date
