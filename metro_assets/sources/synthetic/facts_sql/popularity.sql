-- Concentration of lines over products: one row; products never sold count as zero.
with ranked as (
    select coalesce(lines, 0) as lines, row_number() over (order by coalesce(lines, 0), product_id) as position,
        count(*) over () as products
    from products left join product_sales using (product_id)
)
select 2 * sum(position * lines) / (any_value(products) * sum(lines)) - (any_value(products) + 1) / any_value(products) as gini,
    sum(lines) filter (position > 0.99 * products) / sum(lines) as top_1_percent_share,
    sum(lines) filter (position > 0.90 * products) / sum(lines) as top_10_percent_share
from ranked;
