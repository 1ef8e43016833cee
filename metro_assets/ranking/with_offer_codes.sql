-- rows of offers with what each is, as 24 bits of a hash; on every day on which it is live it is the same
with anchors as (
    select offer_id, max(product_id) as product_id
    from offer_products
    where is_anchor
    group by offer_id
),

codes as (
    select
        offers.offer_id,
        (offers.offer_id & 16777215)::float as offer_code,
        (md5_number_lower(max(offers.mechanic)) & 16777215)::float as mechanic_code,
        (md5_number_lower(max(offers.benefit)) & 16777215)::float as benefit_code,
        (md5_number_lower(max(offers.category)) & 16777215)::float as category_code,
        (md5_number_lower(coalesce(max(anchors.product_id)::varchar, '')) & 16777215)::float as anchor_code
    from offers
    left join anchors using (offer_id)
    group by offers.offer_id
)

select described.*, codes.* exclude (offer_id)
from described
left join codes using (offer_id)
