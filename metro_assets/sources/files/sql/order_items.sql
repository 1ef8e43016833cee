-- order lines with the customer and the day of their order; a missing tier is the one that the quantity reaches
with marked as (
    select order_id, product_id, min(offer_id) as offer_id
    from typed_redemptions
    where order_id is not null and product_id is not null
    group by order_id, product_id
),

tiers as (
    select count(tier2_quantity) > 0 as are_known
    from typed_products
)

select
    numbered_orders.run_date,
    numbered_orders.order_id,
    numbered_orders.customer_id,
    products.id as product_id,
    given.quantity,
    coalesce(
        given.tier,
        case
            when not tiers.are_known then null
            when given.quantity >= terms.tier3_quantity then 3
            when given.quantity >= terms.tier2_quantity then 2
            else 1
        end
    )::tinyint as tier,
    coalesce(given.unit_price_ron, given.net_ron / given.quantity)::decimal(9, 2) as unit_price_ron,
    coalesce(given.net_ron, given.quantity * given.unit_price_ron)::decimal(12, 2) as net_ron,
    offers.id as offer_id,
    numbered_orders.recorded_date
from typed_order_items as given
cross join tiers
inner join numbered_orders on given.order_id = numbered_orders.source_id
inner join ids_of_products as products on given.product_id = products.source_id
inner join typed_products as terms on given.product_id = terms.product_id
left join marked on given.order_id = marked.order_id and given.product_id = marked.product_id
left join ids_of_offers as offers on coalesce(given.offer_id, marked.offer_id) = offers.source_id
order by numbered_orders.run_date, numbered_orders.order_id, products.id
