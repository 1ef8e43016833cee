-- how wide each offer's set is and how much of it everybody bought in the window
with described as (
    select
        sets.offer_id,
        count(*) as product_count,
        count(distinct (products.category, products.subcategory)) as type_count,
        count(distinct products.category) as category_count,
        count(distinct products.brand) as brand_count
    from sets
    inner join products using (product_id)
    group by sets.offer_id
),

sold as (
    select
        sets.offer_id,
        count(*) as line_count,
        count(distinct lines.customer_id) as buyer_count,
        count(distinct lines.product_id) as sold_product_count,
        sum(lines.net_ron)::double as net_ron
    from lines
    inner join sets using (product_id)
    group by sets.offer_id
)

select
    described.*,
    coalesce(sold.line_count, 0) as line_count,
    coalesce(sold.buyer_count, 0) as buyer_count,
    coalesce(sold.sold_product_count, 0) as sold_product_count,
    coalesce(sold.net_ron, 0) as net_ron
from described
left join sold using (offer_id)
