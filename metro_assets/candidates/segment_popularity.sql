-- offers whose products most customers of the segment buy: ranked per shelf, then merged with each customer's listed ones
with shelf_best as (
    select shelf_offers.shelf_id, shelf_offers.offer_id, offers.buyer_share
    from shelf_offers
    inner join offers using (offer_id, segment)
    where offers.buyer_share > 0
    qualify
        row_number() over (
            partition by shelf_offers.shelf_id order by offers.buyer_share desc, shelf_offers.offer_id
        ) <= (select per_strategy from parameters)
),

found as (
    select shelves.customer_id, shelf_best.offer_id, shelf_best.buyer_share
    from shelves
    inner join shelf_best using (shelf_id)
    union all
    select listed_offers.customer_id, listed_offers.offer_id, offers.buyer_share
    from listed_offers
    inner join offers using (offer_id, segment)
    where offers.buyer_share > 0
)

select
    customer_id,
    offer_id,
    row_number() over (partition by customer_id order by buyer_share desc, offer_id)::smallint as rank
from found
qualify rank <= (select per_strategy from parameters)
