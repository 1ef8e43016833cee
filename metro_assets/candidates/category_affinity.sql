-- offers of the categories on which the customer spends most, in a category those that most of the segment buys
with shelf_ranks as (
    select
        shelf_offers.shelf_id,
        shelf_offers.offer_id,
        offers.category,
        offers.buyer_share,
        row_number() over (
            partition by shelf_offers.shelf_id, offers.category order by offers.buyer_share desc, shelf_offers.offer_id
        ) as category_rank
    from shelf_offers
    inner join offers using (offer_id, segment)
),

shelf_categories as (
    select shelf_id, category, count(*) as offer_count
    from shelf_ranks
    group by shelf_id, category
),

-- the offers of the categories before this one come first: a category's last offers need no sorting to be left out
wanted as (
    select
        spend.customer_id,
        spend.category,
        spend.net_ron,
        shelves.shelf_id,
        coalesce(
            sum(shelf_categories.offer_count) over (
                partition by spend.customer_id
                order by spend.net_ron desc, spend.category
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as offers_before
    from spend
    inner join shelves using (customer_id)
    inner join shelf_categories using (shelf_id, category)
    where spend.net_ron > 0 and spend.category <> 'UNKNOWN'
),

found as (
    select wanted.customer_id, shelf_ranks.offer_id, wanted.net_ron, wanted.category, shelf_ranks.buyer_share
    from wanted
    inner join shelf_ranks using (shelf_id, category)
    cross join parameters
    where wanted.offers_before + shelf_ranks.category_rank <= parameters.per_strategy
    union all
    select listed_offers.customer_id, listed_offers.offer_id, spend.net_ron, offers.category, offers.buyer_share
    from listed_offers
    inner join offers using (offer_id, segment)
    inner join spend using (customer_id, category)
    where spend.net_ron > 0 and offers.category <> 'UNKNOWN'
)

select
    customer_id,
    offer_id,
    row_number() over (
        partition by customer_id order by net_ron desc, category, buyer_share desc, offer_id
    )::smallint as rank
from found
qualify rank <= (select per_strategy from parameters)
