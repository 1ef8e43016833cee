-- customers with the shelf they stand before: same store, segment and consent, same offers; consent that is not known is
-- none to send by, but offers may be shown
select
    customer_id,
    segment,
    store_id,
    (has_email_consent or has_sms_consent or has_whatsapp_consent) is not false as has_consent,
    dense_rank() over (order by store_id, segment, has_consent)::integer as shelf_id
from customers
