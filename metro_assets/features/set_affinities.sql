-- what each customer bought on the shelves of each offer, and how much of it the offer's products would be if the customer
-- chose on the shelf as everybody does
with sold as (
    select shelves.level, shelves.shelf, count(*) as line_count
    from recent
    inner join shelves using (product_id)
    group by shelves.level, shelves.shelf
),

set_sold as (
    select sets.offer_id, shelves.level, shelves.shelf, count(recent.product_id) as line_count
    from sets
    inner join shelves using (product_id)
    left join recent using (product_id)
    group by sets.offer_id, shelves.level, shelves.shelf
),

shares as (
    select
        set_sold.offer_id,
        set_sold.level,
        set_sold.shelf,
        coalesce(set_sold.line_count / sold.line_count, 0) as share
    from set_sold
    left join sold using (level, shelf)
),

bought as (
    select
        lines.customer_id,
        shelves.level,
        shelves.shelf,
        sum(lines.weight) as decayed_lines,
        coalesce(sum(lines.net_ron) filter (lines.age_days <= lines.window_days), 0) as net_ron
    from lines
    inner join shelves using (product_id)
    group by lines.customer_id, shelves.level, shelves.shelf
)

select
    bought.customer_id,
    shares.offer_id,
    coalesce(sum(bought.decayed_lines) filter (level = 'type'), 0) as type_lines,
    coalesce(sum(bought.decayed_lines) filter (level = 'brand'), 0) as brand_lines,
    coalesce(sum(bought.decayed_lines * shares.share) filter (level = 'type'), 0) as type_expected_lines,
    coalesce(sum(bought.decayed_lines * shares.share) filter (level = 'brand'), 0) as brand_expected_lines,
    coalesce(sum(bought.decayed_lines * shares.share) filter (level = 'category'), 0) as category_expected_lines,
    coalesce(sum(bought.net_ron * shares.share) filter (level = 'type'), 0) as type_expected_ron,
    coalesce(sum(bought.net_ron * shares.share) filter (level = 'brand'), 0) as brand_expected_ron
from bought
inner join shares using (level, shelf)
semi join pairs on bought.customer_id = pairs.customer_id and shares.offer_id = pairs.offer_id
group by bought.customer_id, shares.offer_id
