-- the eight features of a customer at a moment; the entropy is that of the spend whose category is known, its terms of the entropy are decimals, so that their order does not matter
with totals as (
    select
        customer_id,
        as_of_date,
        sum(net_ron)::double as net_ron,
        sum(net_ron) filter (category <> 'UNKNOWN')::double as categorised_ron,
        sum(own_brand_ron)::double as own_brand_ron,
        sum(offer_ron)::double as offer_ron,
        sum(line_count)::double as line_count,
        sum(tier_line_count)::double as tier_line_count
    from spend
    group by customer_id, as_of_date
),

shares as (
    select
        spend.customer_id,
        spend.as_of_date,
        spend.net_ron::double / totals.categorised_ron as share
    from spend
    inner join totals using (customer_id, as_of_date)
    where spend.net_ron > 0 and spend.category <> 'UNKNOWN'
),

entropies as (
    select
        customer_id,
        as_of_date,
        sum((-share * ln(share))::decimal(18, 12))::double as category_entropy
    from shares
    group by customer_id, as_of_date
)

select
    moments.customer_id,
    moments.as_of_date,
    (moments.as_of_date - visits.last_order_date)::double as recency_days,
    coalesce(visits.order_count, 0)::double as frequency_orders,
    coalesce(totals.net_ron, 0) as monetary_ron,
    coalesce(totals.net_ron, 0) / visits.order_count as avg_basket_ron,
    totals.offer_ron / nullif(totals.net_ron, 0) as promo_affinity,
    entropies.category_entropy,
    totals.own_brand_ron / nullif(totals.net_ron, 0) as own_brand_share,
    totals.tier_line_count / totals.line_count as tier_affinity
from moments
left join visits using (customer_id, as_of_date)
left join totals using (customer_id, as_of_date)
left join entropies using (customer_id, as_of_date)
