-- offers worth most to the company: margin with the offer x typical quantity x share of the segment that buys it
with shelf_best as (
    select shelf_offers.shelf_id, shelf_offers.offer_id, offers.expected_margin_ron
    from shelf_offers
    inner join offers using (offer_id, segment)
    where offers.expected_margin_ron > 0
    qualify
        row_number() over (
            partition by shelf_offers.shelf_id order by offers.expected_margin_ron desc, shelf_offers.offer_id
        ) <= (select per_strategy from parameters)
),

found as (
    select shelves.customer_id, shelf_best.offer_id, shelf_best.expected_margin_ron
    from shelves
    inner join shelf_best using (shelf_id)
    union all
    select listed_offers.customer_id, listed_offers.offer_id, offers.expected_margin_ron
    from listed_offers
    inner join offers using (offer_id, segment)
    where offers.expected_margin_ron > 0
)

select
    customer_id,
    offer_id,
    row_number() over (partition by customer_id order by expected_margin_ron desc, offer_id)::smallint as rank
from found
qualify rank <= (select per_strategy from parameters)
