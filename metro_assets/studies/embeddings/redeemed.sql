-- what customers redeemed of the live offers that they might have been shown; new: nothing of the offer was bought before
with redeemed as (
    select distinct redemptions.customer_id, redemptions.offer_id, shelves.shelf_id
    from redemptions
    inner join shelves using (customer_id)
)

select
    redeemed.customer_id,
    redeemed.offer_id,
    customer_offers.offer_id is null as is_new
from redeemed
left join customer_offers using (customer_id, offer_id)
left join shelf_offers using (shelf_id, offer_id)
left join listed_offers on listed_offers.customer_id = redeemed.customer_id and listed_offers.offer_id = redeemed.offer_id
where shelf_offers.offer_id is not null or listed_offers.offer_id is not null
order by redeemed.customer_id, redeemed.offer_id
