-- order lines under an offer, as redemptions
select
    bits_of(concat_ws('|', order_items.order_id, order_items.product_id)) as redemption_id,
    order_items.customer_id,
    order_items.offer_id,
    null::bigint as impression_id,
    order_items.order_id,
    order_items.product_id,
    numbered_orders.ordered_at as redeemed_at,
    null::decimal(9, 2) as discount_ron,
    order_items.recorded_date
from order_items
inner join numbered_orders using (order_id)
where order_items.offer_id is not null
