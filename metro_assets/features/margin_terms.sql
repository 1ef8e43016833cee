-- terms, prices and costs of the day for every combination of offer, product and units that a pair has
with combinations as (
    select distinct offer_id, product_id, usual_quantity
    from quantities
)

select
    combinations.*,
    offers.benefit,
    offers.stacks_with_tiers,
    offers.discount_share,
    offers.discount_ron::double as discount_ron,
    offers.minimum_quantity::double as minimum_quantity,
    offers.free_quantity::double as free_quantity,
    gifts.base_price_ron::double as gift_value_ron,
    coalesce(gift_prices.cost_ron, gifts.cost_ron)::double as gift_cost_ron,
    offers.unlocked_tier::double as unlocked_tier,
    coalesce(offers.funding_share, 0) as funding_share,
    coalesce(daily_prices.cost_ron, products.cost_ron)::double as cost_ron,
    coalesce(daily_prices.base_price_ron, products.base_price_ron)::double as base_price_ron,
    products.tier2_quantity::double as tier2_quantity,
    coalesce(daily_prices.tier2_price_ron, products.tier2_price_ron)::double as tier2_price_ron,
    products.tier3_quantity::double as tier3_quantity,
    coalesce(daily_prices.tier3_price_ron, products.tier3_price_ron)::double as tier3_price_ron
from combinations
inner join offers using (offer_id)
inner join products using (product_id)
left join daily_prices using (product_id)
left join products as gifts on offers.gift_product_id = gifts.product_id
left join daily_prices as gift_prices on offers.gift_product_id = gift_prices.product_id
order by combinations.offer_id, combinations.product_id, combinations.usual_quantity
