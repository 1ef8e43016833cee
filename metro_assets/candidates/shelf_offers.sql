-- live offers that are not listed, per shelf where they hold; personal ones only where they can be sent
with distinct_shelves as (
    select distinct shelf_id, segment, store_id, has_consent
    from shelves
)

select
    distinct_shelves.shelf_id,
    distinct_shelves.segment,
    offers.offer_id
from distinct_shelves
inner join offers
    on (offers.store_ids is null or list_contains(offers.store_ids, distinct_shelves.store_id))
    and (distinct_shelves.has_consent or not offers.is_personal)
where not offers.is_listed
