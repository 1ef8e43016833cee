-- one row per product of an offer: its price tiers of the day, and what the offer's terms need to be priced
select
    products.product_id,
    products.name,
    products.brand,
    products.category,
    products.unit,
    products.pack_size,
    offer_products.is_anchor,
    offers.benefit,
    offers.stacks_with_tiers,
    offers.discount_share,
    offers.discount_ron::double as discount_ron,
    offers.minimum_quantity::double as minimum_quantity,
    offers.free_quantity::double as free_quantity,
    gifts.name as gift_name,
    gifts.base_price_ron::double as gift_value_ron,
    offers.unlocked_tier::double as unlocked_tier,
    coalesce(daily_prices.base_price_ron, products.base_price_ron)::double as base_price_ron,
    products.tier2_quantity::double as tier2_quantity,
    coalesce(daily_prices.tier2_price_ron, products.tier2_price_ron)::double as tier2_price_ron,
    products.tier3_quantity::double as tier3_quantity,
    coalesce(daily_prices.tier3_price_ron, products.tier3_price_ron)::double as tier3_price_ron
from offer_products
inner join offers using (offer_id)
inner join products using (product_id)
inner join parameters using (offer_id)
left join daily_prices on products.product_id = daily_prices.product_id
left join products as gifts on offers.gift_product_id = gifts.product_id
order by offer_products.is_anchor desc, products.name, products.product_id
