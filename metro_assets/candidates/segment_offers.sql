-- live offers per segment: the share of its customers who bought their products, and what one of them is worth
with segments as (
    select segment, count(*) as customer_count
    from shelves
    group by segment
),

buyers as (
    select
        shelves.segment,
        customer_offers.offer_id,
        count(*) as buyer_count
    from customer_offers
    inner join shelves using (customer_id)
    group by shelves.segment, customer_offers.offer_id
),

shares as (
    select
        offers.offer_id,
        offers.category,
        segments.segment,
        coalesce(buyers.buyer_count, 0)::double / segments.customer_count as buyer_share
    from offers
    cross join segments
    left join buyers using (segment, offer_id)
)

select
    shares.offer_id,
    shares.segment,
    shares.category,
    shares.buyer_share,
    shares.buyer_share * offer_features.offer_margin_ron * offer_features.typical_quantity as expected_margin_ron
from shares
left join offer_features using (offer_id)
