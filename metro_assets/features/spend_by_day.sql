-- daily sums per category: per customer where the customer has a moment, else per segment only
with product_kinds as (
    select product_id, category_id, is_own_brand
    from products
    inner join categories using (category)
),

owners as (
    select customers.customer_id, customers.segment, shown.customer_id as shown_id
    from customers
    left join (select distinct customer_id from moments) as shown using (customer_id)
)

select
    owners.segment,
    owners.shown_id as customer_id,
    lines.run_date,
    lines.recorded_date,
    product_kinds.category_id,
    sum(lines.net_ron)::decimal(18, 2) as net_ron,
    (
        case
            when count(product_kinds.is_own_brand) > 0
                then coalesce(sum(lines.net_ron) filter (product_kinds.is_own_brand), 0)
        end
    )::decimal(18, 2) as own_brand_ron,
    coalesce(sum(lines.net_ron) filter (lines.offer_id is not null), 0)::decimal(18, 2) as offer_ron,
    count(*)::integer as line_count,
    (case when count(lines.tier) > 0 then count(*) filter (lines.tier >= 2) end)::integer as tier_line_count
from lines
inner join product_kinds using (product_id)
inner join owners on lines.customer_id = owners.customer_id
group by owners.segment, owners.shown_id, lines.run_date, lines.recorded_date, product_kinds.category_id
