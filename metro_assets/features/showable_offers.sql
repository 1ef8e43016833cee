-- the offers that each randomised moment could have shown: live, of the customer's store, listed ones only to their
-- audience
select
    moments.run_date,
    moments.customer_id,
    offers.offer_id
from moments
inner join offers
    on moments.run_date = offers.run_date
    and (offers.store_ids is null or list_contains(offers.store_ids, moments.store_id))
where not offers.is_listed
union all
select
    moments.run_date,
    moments.customer_id,
    offers.offer_id
from moments
inner join offers
    on moments.run_date = offers.run_date
    and (offers.store_ids is null or list_contains(offers.store_ids, moments.store_id))
inner join offer_audience
    on offers.run_date = offer_audience.run_date
    and offers.offer_id = offer_audience.offer_id
    and moments.customer_id = offer_audience.customer_id
where offers.is_listed
