-- every shelf x every live offer: whether the shelf's customers may be shown it unlisted, and the segment's share of buyers
with distinct_shelves as (
    select distinct shelf_id, segment
    from shelves
)

select
    distinct_shelves.shelf_id,
    offers.offer_id,
    offers.buyer_share,
    shelf_offers.offer_id is not null as is_shown
from distinct_shelves
inner join offers using (segment)
left join shelf_offers using (shelf_id, offer_id)
