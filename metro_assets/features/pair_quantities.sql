-- per pair the product that a purchase would be about: the offer's product that the customer buys most, else its anchor;
-- and the units: the customer's usual ones, else the typical ones, in whole units or tenths of kg and l, and no fewer
-- than the offer asks for
with bought as (
    select
        pairs.customer_id,
        pairs.offer_id,
        max(
            {
                'order_count': customer_products.order_count,
                'net_ron': customer_products.net_ron,
                'reversed_product_id': -customer_products.product_id,
                'usual_quantity': customer_products.usual_quantity
            }
        ) as product
    from pairs
    inner join offer_products using (offer_id)
    inner join customer_products using (customer_id, product_id)
    group by pairs.customer_id, pairs.offer_id
),

anchors as (
    select offer_products.offer_id, offer_products.product_id, coalesce(offer_features.typical_quantity, 1) as quantity
    from offer_products
    left join offer_features using (offer_id)
    where offer_products.is_anchor
),

chosen as (
    select
        pairs.customer_id,
        pairs.offer_id,
        coalesce(-bought.product.reversed_product_id, anchors.product_id) as product_id,
        coalesce(bought.product.usual_quantity, anchors.quantity) as quantity
    from pairs
    inner join anchors using (offer_id)
    left join bought using (customer_id, offer_id)
)

select
    chosen.customer_id,
    chosen.offer_id,
    chosen.product_id,
    greatest(
        case
            when products.unit in ('kg', 'l') then greatest(round(chosen.quantity, 1), 0.1)
            else greatest(round(chosen.quantity), 1)
        end,
        coalesce(offers.minimum_quantity::double, 0)
    ) as usual_quantity
from chosen
inner join products using (product_id)
inner join offers using (offer_id)
