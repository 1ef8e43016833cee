-- one row per segment: its customers and the median of every customer feature
select
    customers.segment,
    count(*) as customer_count,
    median(customer_features.recency_days) as recency_days,
    median(customer_features.frequency_orders) as frequency_orders,
    median(customer_features.monetary_ron) as monetary_ron,
    median(customer_features.avg_basket_ron) as avg_basket_ron,
    median(customer_features.promo_affinity) as promo_affinity,
    median(customer_features.category_entropy) as category_entropy,
    median(customer_features.own_brand_share) as own_brand_share,
    median(customer_features.tier_affinity) as tier_affinity
from customer_features
inner join customers using (customer_id)
group by customers.segment
