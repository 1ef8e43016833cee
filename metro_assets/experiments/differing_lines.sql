-- one row per order line that is not the same in the path of a policy and in that of the control, with both sides
select
    run_date,
    customer_id,
    product_id,
    played.quantity::double as quantity,
    played.net_ron::double as net_ron,
    played.offer_id,
    control.quantity::double as control_quantity,
    control.net_ron::double as control_net_ron,
    control.offer_id as control_offer_id
from played
full join control using (run_date, customer_id, product_id)
where
    played.quantity is null
    or control.quantity is null
    or played.offer_id is distinct from control.offer_id
    or played.net_ron <> control.net_ron
order by run_date, customer_id, product_id
