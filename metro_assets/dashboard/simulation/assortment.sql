-- products with the prices in force and the units in which they are usually bought, one where nobody bought them
with usual as (
    select product_id, avg(usual_quantity) as usual_quantity
    from bought
    group by product_id
)

select
    products.product_id,
    products.name,
    products.category,
    coalesce(daily_prices.base_price_ron, products.base_price_ron)::double as base_price_ron,
    products.tier2_quantity::double as tier2_quantity,
    coalesce(daily_prices.tier2_price_ron, products.tier2_price_ron)::double as tier2_price_ron,
    products.tier3_quantity::double as tier3_quantity,
    coalesce(daily_prices.tier3_price_ron, products.tier3_price_ron)::double as tier3_price_ron,
    round(coalesce(usual.usual_quantity, 1), 3)::double as usual_quantity
from products
left join daily_prices using (product_id)
left join usual using (product_id)
order by products.product_id
