-- the assortment; a price that no file states is the newest paid, for people to read: runs take that of daily_prices
with newest_changes as (
    select product_id, arg_max(base_price_ron, from_date) as base_price_ron
    from price_changes
    group by product_id
),

newest_paid as (
    select product_id, arg_max(unit_price_ron, row(run_date, recorded_date)) as unit_price_ron
    from paid_prices
    group by product_id
)

select
    products.id as product_id,
    given.name,
    given.brand,
    given.is_own_brand,
    coalesce(given.category, 'UNKNOWN') as category,
    given.subcategory,
    coalesce(given.unit, 'buc') as unit,
    given.pack_size,
    coalesce(given.is_tagespreis, newest_changes.product_id is not null) as is_tagespreis,
    given.vat_share,
    given.cost_ron,
    coalesce(given.base_price_ron, newest_changes.base_price_ron, newest_paid.unit_price_ron, 1) as base_price_ron,
    given.tier2_quantity,
    given.tier2_price_ron,
    given.tier3_quantity,
    given.tier3_price_ron
from typed_products as given
inner join ids_of_products as products on given.product_id = products.source_id
left join newest_changes on products.id = newest_changes.product_id
left join newest_paid on products.id = newest_paid.product_id
order by product_id
