-- the customer of each segment who is nearest to the medians of its customers in the eight features, each measured in
-- standard deviations within the segment, sums in logarithms; of those who buy, may be sent offers, and are known
with described as (
    select
        customers.segment,
        customer_features.customer_id,
        unnest([
            ln(1 + coalesce(recency_days, 0)),
            ln(1 + frequency_orders),
            ln(1 + monetary_ron),
            ln(1 + coalesce(avg_basket_ron, 0)),
            coalesce(promo_affinity, 0),
            coalesce(category_entropy, 0),
            coalesce(own_brand_share, 0),
            coalesce(tier_affinity, 0)
        ]) as value,
        unnest(range(8)) as feature
    from customer_features
    inner join customers using (customer_id)
    where
        frequency_orders > 0
        and (has_email_consent or has_sms_consent or has_whatsapp_consent) is not false
),

centres as (
    select segment, feature, median(value) as centre, nullif(stddev_pop(value), 0) as spread
    from described
    group by segment, feature
),

distances as (
    select
        described.segment,
        described.customer_id,
        round(sum(((described.value - centres.centre) / centres.spread) ** 2), 9) as distance
    from described
    inner join centres using (segment, feature)
    group by described.segment, described.customer_id
)

select segment, customer_id
from distances
qualify row_number() over (partition by segment order by distance nulls last, customer_id) = 1
order by segment
