-- Depth of the price tiers below the base price: one row.
with depths as (
    select (1 - tier2_price_ron / base_price_ron)::double as tier2, (1 - tier3_price_ron / base_price_ron)::double as tier3
    from products
)
select quantile_cont(tier2, [0.05, 0.5, 0.95]) as tier2, quantile_cont(tier3, [0.05, 0.5, 0.95]) as tier3,
    max(greatest(tier2, coalesce(tier3, 0))) as deepest,
    avg((tier3 is not null)::int) as three_tier_share
from depths;
