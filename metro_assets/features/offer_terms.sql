-- one row per live offer and product: terms, prices and costs of the day, typical quantity
select
    live_offers.offer_id,
    live_offers.run_date as as_of_date,
    live_offers.category,
    live_offers.valid_to_date,
    offer_products.product_id,
    offer_products.is_anchor,
    live_offers.benefit,
    live_offers.stacks_with_tiers,
    live_offers.discount_share,
    live_offers.discount_ron::double as discount_ron,
    live_offers.minimum_quantity::double as minimum_quantity,
    live_offers.free_quantity::double as free_quantity,
    gifts.base_price_ron::double as gift_value_ron,
    coalesce(gift_prices.cost_ron, gifts.cost_ron)::double as gift_cost_ron,
    live_offers.unlocked_tier::double as unlocked_tier,
    coalesce(live_offers.funding_share, 0) as funding_share,
    coalesce(daily_prices.cost_ron, products.cost_ron)::double as cost_ron,
    coalesce(daily_prices.base_price_ron, products.base_price_ron)::double as base_price_ron,
    products.tier2_quantity::double as tier2_quantity,
    coalesce(daily_prices.tier2_price_ron, products.tier2_price_ron)::double as tier2_price_ron,
    products.tier3_quantity::double as tier3_quantity,
    coalesce(daily_prices.tier3_price_ron, products.tier3_price_ron)::double as tier3_price_ron,
    greatest(
        coalesce(quantities.typical_quantity, 1), coalesce(live_offers.minimum_quantity::double, 0)
    ) as typical_quantity,
    rates.offer_redemption_rate
from live_offers
inner join offer_products
    on live_offers.offer_id = offer_products.offer_id and live_offers.run_date = offer_products.run_date
inner join products using (product_id)
left join daily_prices
    on products.product_id = daily_prices.product_id and live_offers.run_date = daily_prices.run_date
left join products as gifts on live_offers.gift_product_id = gifts.product_id
left join daily_prices as gift_prices
    on live_offers.gift_product_id = gift_prices.product_id and live_offers.run_date = gift_prices.run_date
left join quantities
    on offer_products.product_id = quantities.product_id and live_offers.run_date = quantities.as_of_date
left join rates
    on live_offers.mechanic = rates.mechanic
    and live_offers.category = rates.category
    and live_offers.run_date = rates.as_of_date
order by as_of_date, live_offers.offer_id, offer_products.product_id
