-- every product of the master data, and a stub for what was sold or promoted without being in it
with known as (
    select
        product_id::integer as product_id,
        coalesce(product_type, product_category, department, 'UNKNOWN') as name,
        package_size,
        'manufacturer ' || manufacturer_id as brand,
        brand = 'Private' as is_own_brand,
        coalesce(product_category, department, 'UNKNOWN') as category,
        product_type as subcategory
    from raw_products
),

everything as (
    select * from known
    union all
    select distinct product_id, 'UNKNOWN', null, null, false, 'UNKNOWN', null
    from (select product_id from lines union select product_id from coupons)
    anti join known using (product_id)
),

shelf_prices as (
    select product_id, median(shelf_value / quantity::double) as price
    from lines
    where shelf_value > 0
    group by product_id
),

-- what nobody bought in the year has no price of its own: that of its type, else of its category, else of all
priced as (
    select
        everything.*,
        coalesce(
            shelf_prices.price,
            median(shelf_prices.price) over (partition by category, subcategory),
            median(shelf_prices.price) over (partition by category),
            median(shelf_prices.price) over ()
        ) as price
    from everything
    left join shelf_prices using (product_id)
)

select
    product_id,
    name,
    brand,
    is_own_brand,
    category,
    subcategory,
    'buc' as unit,
    package_size as pack_size,
    false as is_tagespreis,
    greatest(price, 0.01)::decimal(9, 2) as base_price_ron
from priced
order by product_id
