-- what each customer bought of each offer's products
select
    lines.customer_id,
    sets.offer_id,
    count(*) as line_count,
    count(*) filter (lines.age_days <= any_recent.recent_days) as recent_line_count,
    sum(lines.weight) as decayed_lines,
    sum(lines.weight * lines.net_ron) as decayed_ron,
    count(distinct lines.product_id) as product_count,
    max(lines.age_days) as tenure_days
from lines
inner join sets using (product_id)
semi join pairs on lines.customer_id = pairs.customer_id and sets.offer_id = pairs.offer_id
cross join (select recent_days from parameters) as any_recent
group by lines.customer_id, sets.offer_id
