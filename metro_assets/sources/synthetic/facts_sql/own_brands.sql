-- Own brands' share of lines and of spend: one row.
select sum(lines) filter (is_own_brand) / sum(lines) as line_share,
    (sum(net_ron) filter (is_own_brand) / sum(net_ron))::double as spend_share
from product_sales join products using (product_id);
