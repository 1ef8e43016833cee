-- impressions with their features, all as of the day on which they were shown
select
    shown.run_date + 1 as run_date,
    shown.impression_id,
    shown.slate_id,
    shown.customer_id,
    shown.offer_id,
    shown.run_date as shown_date,
    offer_features.valid_to_date,
    shown.position,
    shown.policy,
    shown.propensity,
    customer_features.recency_days::float as recency_days,
    customer_features.frequency_orders::float as frequency_orders,
    customer_features.monetary_ron::float as monetary_ron,
    customer_features.avg_basket_ron::float as avg_basket_ron,
    customer_features.promo_affinity::float as promo_affinity,
    customer_features.category_entropy::float as category_entropy,
    customer_features.own_brand_share::float as own_brand_share,
    customer_features.tier_affinity::float as tier_affinity,
    offer_features.discount_depth::float as discount_depth,
    offer_features.margin_impact_ron::float as margin_impact_ron,
    offer_features.days_until_expiry::float as days_until_expiry,
    offer_features.offer_redemption_rate::float as offer_redemption_rate,
    pair_features.bought_before,
    pair_features.category_affinity_score,
    pair_features.price_sensitivity_match,
    pair_features.days_since_product,
    pair_features.product_purchases
from shown
inner join customer_features
    on shown.customer_id = customer_features.customer_id and shown.run_date = customer_features.as_of_date
inner join offer_features
    on shown.offer_id = offer_features.offer_id and shown.run_date = offer_features.as_of_date
inner join pair_features
    on shown.customer_id = pair_features.customer_id
    and shown.offer_id = pair_features.offer_id
    and shown.run_date = pair_features.as_of_date
