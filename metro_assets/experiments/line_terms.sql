-- order lines with the prices, costs and offer terms of their day, in the order of `line`
select
    lines.line,
    lines.quantity,
    lines.net_ron,
    lines.offer_id is not null as has_offer,
    coalesce(daily_prices.cost_ron, products.cost_ron)::double as cost_ron,
    coalesce(daily_prices.base_price_ron, products.base_price_ron)::double as base_price_ron,
    products.tier2_quantity::double as tier2_quantity,
    coalesce(daily_prices.tier2_price_ron, products.tier2_price_ron)::double as tier2_price_ron,
    products.tier3_quantity::double as tier3_quantity,
    coalesce(daily_prices.tier3_price_ron, products.tier3_price_ron)::double as tier3_price_ron,
    coalesce(offers.benefit, 'UNSTATED') as benefit,
    coalesce(offers.stacks_with_tiers, false) as stacks_with_tiers,
    offers.discount_share,
    offers.discount_ron::double as discount_ron,
    offers.minimum_quantity::double as minimum_quantity,
    offers.free_quantity::double as free_quantity,
    gifts.base_price_ron::double as gift_value_ron,
    offers.unlocked_tier::double as unlocked_tier,
    coalesce(offers.funding_share, 0) as funding_share,
    coalesce(gift_prices.cost_ron, gifts.cost_ron)::double as gift_cost_ron
from lines
inner join products using (product_id)
left join daily_prices on lines.product_id = daily_prices.product_id and lines.run_date = daily_prices.run_date
left join offers on lines.offer_id = offers.offer_id and lines.run_date = offers.run_date
left join products as gifts on offers.gift_product_id = gifts.product_id
left join daily_prices as gift_prices
    on offers.gift_product_id = gift_prices.product_id and lines.run_date = gift_prices.run_date
order by lines.line
