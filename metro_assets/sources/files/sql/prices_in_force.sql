-- prices of a date: the newest stated change, or what was last paid for a product whose price no file states
with stated as (
    select * exclude (from_date)
    from price_changes
    where from_date <= $run_date
    qualify row_number() over (partition by product_id order by from_date desc) = 1
),

paid as (
    select product_id, arg_max(unit_price_ron, row(run_date, recorded_date)) as unit_price_ron
    from paid_prices
    where run_date < $run_date and recorded_date < $run_date
    group by product_id
),

permanent as (
    select products.product_id, products.category, products.base_price_ron
    from products
    anti join unpriced_products using (product_id)
),

known as (
    select unpriced_products.category, paid.unit_price_ron as price_ron
    from paid
    inner join unpriced_products using (product_id)
    union all
    select category, base_price_ron
    from permanent
),

category_medians as (
    select category, median(price_ron) as price_ron
    from known
    group by category
),

overall as (
    select median(price_ron) as price_ron
    from known
)

select product_id, cost_ron, base_price_ron, tier2_price_ron, tier3_price_ron
from stated
union all
select
    unpriced_products.product_id,
    null,
    coalesce(paid.unit_price_ron, category_medians.price_ron, overall.price_ron, 1)::decimal(9, 2),
    null,
    null
from unpriced_products
anti join stated using (product_id)
cross join overall
left join paid using (product_id)
left join category_medians on unpriced_products.category = category_medians.category
order by product_id
