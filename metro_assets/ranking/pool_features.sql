-- the features of the candidates of a range of customers
with bounded as (
    select pool.*
    from pool
    where customer_id >= (select first_customer from parameters)
        and customer_id <= (select last_customer from parameters)
)

select
    bounded.customer_id,
    bounded.offer_id,
    recency_days::float as recency_days,
    frequency_orders::float as frequency_orders,
    monetary_ron::float as monetary_ron,
    avg_basket_ron::float as avg_basket_ron,
    promo_affinity::float as promo_affinity,
    category_entropy::float as category_entropy,
    own_brand_share::float as own_brand_share,
    tier_affinity::float as tier_affinity,
    discount_depth::float as discount_depth,
    margin_impact_ron::float as margin_impact_ron,
    days_until_expiry::float as days_until_expiry,
    offer_redemption_rate::float as offer_redemption_rate,
    bought_before,
    category_affinity_score,
    price_sensitivity_match,
    days_since_product,
    product_purchases
from bounded
inner join customer_features using (customer_id)
inner join offer_features using (offer_id)
order by bounded.customer_id, bounded.offer_id
