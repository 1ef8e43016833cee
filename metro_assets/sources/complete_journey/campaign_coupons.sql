-- a product of a coupon in a campaign, once: rows repeat, and a coupon recurs in later campaigns with other products
select distinct
    coupons.campaign_id,
    coupons.coupon_upc,
    coupons.product_id::integer as product_id,
    (
        coupons.campaign_id * 1000
        + dense_rank() over (partition by coupons.campaign_id order by coupons.coupon_upc)
    )::integer as offer_id,
    descriptions.campaign_type,
    descriptions.start_date::date as valid_from_date,
    descriptions.end_date::date as valid_to_date
from raw_coupons as coupons
inner join raw_campaign_descriptions as descriptions using (campaign_id)
