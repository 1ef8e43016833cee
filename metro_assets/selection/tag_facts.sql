-- One row per chosen offer of a slate: what the price tag computes with and what its reason may say.
with
pairs as (
    select distinct customer_id, offer_id
    from shown_products
),

known_customers as (
    select customer_id, business_type, county, registered_date, founded_date,
        has_email_consent, has_sms_consent, has_whatsapp_consent
    from customers, parameters
    where registered_date < parameters.run_date
),

prices_in_force as (
    select
        products.product_id,
        products.name,
        products.unit,
        products.tier2_quantity,
        products.tier3_quantity,
        coalesce(daily_prices.cost_ron, products.cost_ron) as cost_ron,
        coalesce(daily_prices.base_price_ron, products.base_price_ron) as base_price_ron,
        coalesce(daily_prices.tier2_price_ron, products.tier2_price_ron) as tier2_price_ron,
        coalesce(daily_prices.tier3_price_ron, products.tier3_price_ron) as tier3_price_ron
    from products
    left join daily_prices on products.product_id = daily_prices.product_id
),

last_viewed as (
    select
        pairs.customer_id,
        pairs.offer_id,
        max({'viewed_at': web_visits.viewed_at, 'product_id': web_visits.product_id}) as product
    from pairs
    inner join offers on pairs.offer_id = offers.offer_id and offers.mechanic = 'ABANDONED_BROWSE'
    inner join offer_products on pairs.offer_id = offer_products.offer_id
    inner join web_visits
        on pairs.customer_id = web_visits.customer_id and offer_products.product_id = web_visits.product_id
    cross join parameters
    where web_visits.run_date < parameters.run_date and web_visits.recorded_date < parameters.run_date
    group by pairs.customer_id, pairs.offer_id
),

category_spend as (
    select customer_products.customer_id, products.category, sum(customer_products.net_ron) as net_ron
    from customer_products
    inner join products on customer_products.product_id = products.product_id
    group by customer_products.customer_id, products.category
),

category_shares as (
    select
        customer_id,
        category,
        (net_ron / nullif(sum(net_ron) over (partition by customer_id), 0))::double as category_share
    from category_spend
),

buyers_of_type as (
    select business_type, product_id, sum(buyer_count) as buyer_count
    from trade_buyers
    group by business_type, product_id
),

tags as (
    select
        shown_products.*,
        coalesce(shown_products.usual_quantity, offer_features.typical_quantity, 1) as quantity
    from shown_products
    left join offer_features on shown_products.offer_id = offer_features.offer_id
)

select
    tags.customer_id,
    tags.algorithm,
    tags.offer_id,
    list_filter(
        [
            case when candidate_pool.category_affinity_rank is not null then 'category_affinity' end,
            case when candidate_pool.segment_popularity_rank is not null then 'segment_popularity' end,
            case when candidate_pool.repeat_purchase_rank is not null then 'repeat_purchase' end,
            case when candidate_pool.high_margin_rank is not null then 'high_margin' end,
            case when candidate_pool.embedding_rank is not null then 'embedding' end
        ],
        lambda strategy: strategy is not null
    ) as strategies,
    case
        when offers.channel = 'EMAIL' and known_customers.has_email_consent then 'EMAIL'
        when offers.channel = 'SMS' and known_customers.has_sms_consent then 'SMS'
        when offers.channel = 'WHATSAPP' and known_customers.has_whatsapp_consent then 'WHATSAPP'
        when known_customers.has_email_consent then 'EMAIL'
        when known_customers.has_sms_consent then 'SMS'
        when known_customers.has_whatsapp_consent then 'WHATSAPP'
        else 'STORE'
    end as channel,
    offers.name as offer_name,
    offers.mechanic,
    offers.category,
    offers.valid_to_date,
    offers.benefit,
    offers.stacks_with_tiers,
    offers.discount_share,
    offers.discount_ron::double as discount_ron,
    offers.minimum_quantity::double as minimum_quantity,
    offers.free_quantity::double as free_quantity,
    gifts.base_price_ron::double as gift_value_ron,
    gift_prices.cost_ron::double as gift_cost_ron,
    offers.unlocked_tier::double as unlocked_tier,
    coalesce(offers.funding_share, 0) as funding_share,
    tags.product_id,
    shown.name as product_name,
    shown.unit,
    shown.cost_ron::double as cost_ron,
    shown.base_price_ron,
    shown.tier2_quantity,
    shown.tier2_price_ron,
    shown.tier3_quantity,
    shown.tier3_price_ron,
    case
        when shown.unit in ('kg', 'l') then greatest(round(tags.quantity, 1), 0.1)
        else greatest(round(tags.quantity), 1)
    end as usual_quantity,
    tags.order_count,
    tags.cycle_days,
    parameters.run_date - tags.last_date as last_bought_days,
    category_shares.category_share,
    coalesce(nearby.buyer_count, 0) as nearby_buyer_count,
    coalesce(buyers_of_type.buyer_count, 0) / trade_members.member_count as type_share,
    trade_members.member_count,
    known_customers.business_type,
    known_customers.county,
    parameters.run_date - known_customers.registered_date as registered_days,
    round((parameters.run_date - known_customers.founded_date) / 365.25) as founded_years,
    customer_features.recency_days,
    viewed.name as viewed_product_name,
    parameters.run_date - last_viewed.product.viewed_at::date as viewed_days
from tags
cross join parameters
inner join offers on tags.offer_id = offers.offer_id
inner join known_customers on tags.customer_id = known_customers.customer_id
inner join trade_members on known_customers.business_type = trade_members.business_type
inner join prices_in_force as shown on tags.product_id = shown.product_id
left join products as gifts on offers.gift_product_id = gifts.product_id
left join prices_in_force as gift_prices on offers.gift_product_id = gift_prices.product_id
left join candidate_pool
    on tags.customer_id = candidate_pool.customer_id and tags.offer_id = candidate_pool.offer_id
left join customer_features on tags.customer_id = customer_features.customer_id
left join category_shares
    on tags.customer_id = category_shares.customer_id and offers.category = category_shares.category
left join trade_buyers as nearby
    on
        known_customers.business_type = nearby.business_type
        and known_customers.county = nearby.county
        and tags.product_id = nearby.product_id
left join buyers_of_type
    on
        known_customers.business_type = buyers_of_type.business_type
        and tags.product_id = buyers_of_type.product_id
left join last_viewed on tags.customer_id = last_viewed.customer_id and tags.offer_id = last_viewed.offer_id
left join prices_in_force as viewed on last_viewed.product.product_id = viewed.product_id
