-- products of every offer; where none is said to be the anchor, the one that had sold most when the offer was announced
with known_lines as (
    select
        product_id,
        recorded_date,
        sum(count(*)) over (partition by product_id order by recorded_date) as line_count
    from order_items
    group by product_id, recorded_date
),

pairs as (
    select
        offers.id as offer_id,
        products.id as product_id,
        coalesce(given.is_anchor, false) as is_anchor,
        coalesce(terms.announced_date, terms.valid_from_date - 1) as announced_date
    from typed_offer_products as given
    inner join typed_offers as terms using (offer_id)
    inner join ids_of_offers as offers on given.offer_id = offers.source_id
    inner join ids_of_products as products on given.product_id = products.source_id
)

select
    pairs.offer_id,
    pairs.product_id,
    row_number() over (
        partition by pairs.offer_id
        order by pairs.is_anchor desc, coalesce(known_lines.line_count, 0) desc, pairs.product_id
    ) = 1 as is_anchor
from pairs
asof left join known_lines
    on pairs.product_id = known_lines.product_id and pairs.announced_date >= known_lines.recorded_date
order by pairs.offer_id, pairs.product_id
