-- one row per live offer: its terms, its lead product, what it does to price and margin, how many it may address
with
anchors as (
    select offer_products.offer_id, products.product_id, products.name as product_name, products.unit
    from offer_products
    inner join products using (product_id)
    where offer_products.is_anchor
),

sizes as (
    select offer_id, count(*) as product_count
    from offer_products
    group by offer_id
),

listed as (
    select offer_id, count(*) as audience_count
    from offer_audience
    group by offer_id
)

select
    offers.offer_id,
    offers.name,
    offers.mechanic,
    offers.benefit,
    offers.category,
    offers.is_personal,
    offers.is_listed,
    offers.channel,
    offers.valid_from_date,
    offers.valid_to_date,
    offers.minimum_quantity::double as minimum_quantity,
    offers.funding_share,
    len(offers.store_ids) as store_count,
    coalesce(sizes.product_count, 0) as product_count,
    case when offers.is_listed then coalesce(listed.audience_count, 0) end as audience_count,
    anchors.product_id,
    anchors.product_name,
    anchors.unit,
    offer_features.discount_depth,
    offer_features.margin_impact_ron,
    offer_features.offer_margin_ron,
    offer_features.offer_margin_ron / nullif(offer_features.offer_unit_price_ron, 0) as offer_margin_share
from offers
left join anchors using (offer_id)
left join sizes using (offer_id)
left join listed using (offer_id)
left join offer_features using (offer_id)
order by offers.offer_id
