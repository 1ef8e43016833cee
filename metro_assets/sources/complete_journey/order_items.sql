-- lines with what was paid; the offer where the coupon was redeemed on the line
with redeemed as (
    select order_id, product_id, min(offer_id) as offer_id
    from redemptions
    group by order_id, product_id
)

select
    lines.order_id,
    lines.product_id,
    lines.quantity,
    (lines.paid_value / lines.quantity::double)::decimal(9, 2) as unit_price_ron,
    lines.paid_value::decimal(12, 2) as net_ron,
    redeemed.offer_id
from lines
left join redeemed using (order_id, product_id)
order by lines.ordered_at, lines.order_id, lines.product_id
