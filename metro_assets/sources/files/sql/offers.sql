-- offers with the day on which they became known; what they promise follows from the terms that are stated
with stores_of_offers as (
    select listed.offer_id, list(stores.id order by stores.id) as store_ids
    from (select offer_id, trim(unnest(store_ids)) as source_id from typed_offers) as listed
    inner join ids_of_stores as stores using (source_id)
    group by listed.offer_id
),

audiences as (
    select distinct offer_id from typed_offer_audience
)

select
    offers.id as offer_id,
    coalesce(given.name, products.name) as name,
    coalesce(
        given.mechanic,
        case
            when given.discount_share is not null then 'PERCENTAGE_DISCOUNT'
            when given.discount_ron is not null then 'MONETARY_DISCOUNT'
            when given.gift_product_id is not null then 'GIFT_INCENTIVE'
            when given.free_quantity is not null then 'VOLUME_BONUS'
            when given.unlocked_tier is not null then 'VOLUME_DISCOUNT'
            else 'UNKNOWN'
        end
    ) as mechanic,
    coalesce(
        given.benefit,
        case
            when given.discount_share is not null then 'PERCENT'
            when given.discount_ron is not null then 'AMOUNT'
            when given.gift_product_id is not null then 'GIFT'
            when given.free_quantity is not null then 'BONUS_UNITS'
            when given.unlocked_tier is not null then 'TIER_UNLOCK'
            else 'UNSTATED'
        end
    ) as benefit,
    coalesce(given.is_personal, false) as is_personal,
    coalesce(given.is_listed, audiences.offer_id is not null) as is_listed,
    coalesce(given.category, products.category) as category,
    given.valid_from_date,
    given.valid_to_date,
    given.discount_share,
    given.discount_ron,
    given.minimum_quantity,
    given.free_quantity,
    gifts.id as gift_product_id,
    given.unlocked_tier,
    coalesce(given.stacks_with_tiers, false) as stacks_with_tiers,
    given.funding_share,
    coalesce(given.channel, 'CATALOG') as channel,
    stores_of_offers.store_ids,
    given.maximum_redemptions,
    coalesce(given.announced_date, given.valid_from_date - 1) as announced_date
from typed_offers as given
inner join ids_of_offers as offers on given.offer_id = offers.source_id
inner join offer_products on offers.id = offer_products.offer_id and offer_products.is_anchor
inner join products on offer_products.product_id = products.product_id
left join ids_of_products as gifts on given.gift_product_id = gifts.source_id
left join stores_of_offers on given.offer_id = stores_of_offers.offer_id
left join audiences on given.offer_id = audiences.offer_id
order by offers.id
