-- redemptions with the newest impression of the offer to the customer before them
select
    redeemed.redeemed_at::date as run_date,
    redeemed.redemption_id,
    redeemed.customer_id,
    redeemed.offer_id,
    coalesce(redeemed.impression_id, impressions.impression_id) as impression_id,
    redeemed.order_id,
    redeemed.product_id,
    redeemed.redeemed_at,
    redeemed.discount_ron,
    redeemed.recorded_date
from redeemed
asof left join impressions
    on redeemed.customer_id = impressions.customer_id
    and redeemed.offer_id = impressions.offer_id
    and redeemed.redeemed_at >= impressions.shown_at
order by run_date, redeemed.redemption_id
