-- Share of the assortment, of lines and of spend per category: one row per category.
with sold as (
    select category, sum(lines) as lines, sum(net_ron) as net_ron
    from product_sales join products using (product_id)
    group by category
),
listed as (
    select category, count(*) as products from products group by category
)
select category,
    products / sum(products) over () as product_share,
    coalesce(lines, 0) / sum(lines) over () as line_share,
    (coalesce(net_ron, 0) / sum(net_ron) over ())::double as spend_share
from listed left join sold using (category)
order by product_share desc, category;
