-- customers with the shelf they stand before: same store, segment and consent, same offers
select
    customer_id,
    segment,
    store_id,
    has_email_consent or has_sms_consent or has_whatsapp_consent as has_consent,
    dense_rank() over (order by store_id, segment, has_consent)::integer as shelf_id
from customers
