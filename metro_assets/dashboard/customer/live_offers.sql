-- one row per offer of the run date: its terms in words, and the name of its lead product
with anchors as (
    select offer_id, max(product_id) as product_id
    from offer_products
    where is_anchor
    group by offer_id
)

select
    offers.offer_id,
    offers.name as offer_name,
    products.name as product_name,
    offers.mechanic,
    offers.category,
    offers.valid_from_date,
    offers.valid_to_date
from offers
left join anchors on offers.offer_id = anchors.offer_id
left join products on anchors.product_id = products.product_id
order by offers.offer_id
