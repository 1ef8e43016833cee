-- listed live offers per customer of their audience, where they hold and can be sent
select
    shelves.customer_id,
    shelves.segment,
    offers.offer_id
from offer_audience
inner join shelves using (customer_id)
inner join offers using (offer_id)
where
    offers.is_listed
    and (offers.store_ids is null or list_contains(offers.store_ids, shelves.store_id))
    and (shelves.has_consent or not offers.is_personal)
