-- coupon, household and day, once; on a line of that day that the coupon covers, else on any basket of the day, else (no
-- goods are left in that day's baskets) on none
with redeemed as (
    select distinct
        redemptions.household_id::integer as customer_id,
        coupons.offer_id,
        redemptions.redemption_date::date as redeemed_date
    from raw_coupon_redemptions as redemptions
    inner join (select distinct campaign_id, coupon_upc, offer_id from coupons) as coupons using (campaign_id, coupon_upc)
),

covered as (
    select
        redeemed.customer_id,
        redeemed.offer_id,
        redeemed.redeemed_date,
        lines.order_id,
        lines.product_id,
        lines.ordered_at,
        lines.coupon_value
    from redeemed
    inner join lines
        on redeemed.customer_id = lines.customer_id and redeemed.redeemed_date = lines.ordered_at::date
    inner join offer_products
        on redeemed.offer_id = offer_products.offer_id and lines.product_id = offer_products.product_id
    qualify row_number() over (
        partition by redeemed.customer_id, redeemed.offer_id, redeemed.redeemed_date
        order by lines.coupon_value desc, lines.paid_value desc, lines.order_id, lines.product_id
    ) = 1
),

visited as (
    select
        redeemed.customer_id,
        redeemed.offer_id,
        redeemed.redeemed_date,
        orders.order_id,
        orders.ordered_at,
        anchors.product_id
    from redeemed
    inner join orders
        on redeemed.customer_id = orders.customer_id and redeemed.redeemed_date = orders.ordered_at::date
    inner join offer_products as anchors on redeemed.offer_id = anchors.offer_id and anchors.is_anchor
    qualify row_number() over (
        partition by redeemed.customer_id, redeemed.offer_id, redeemed.redeemed_date
        order by orders.net_ron desc, orders.order_id
    ) = 1
)

select
    row_number() over (
        order by redeemed.redeemed_date, redeemed.customer_id, redeemed.offer_id
    )::bigint as redemption_id,
    redeemed.customer_id,
    redeemed.offer_id,
    impressions.impression_id,
    coalesce(covered.order_id, visited.order_id) as order_id,
    coalesce(covered.product_id, visited.product_id) as product_id,
    coalesce(covered.ordered_at, visited.ordered_at, redeemed.redeemed_date::timestamp) as redeemed_at,
    coalesce(covered.coupon_value, 0)::decimal(9, 2) as discount_ron
from redeemed
left join covered using (customer_id, offer_id, redeemed_date)
left join visited using (customer_id, offer_id, redeemed_date)
left join impressions on redeemed.customer_id = impressions.customer_id and redeemed.offer_id = impressions.offer_id
order by redemption_id
