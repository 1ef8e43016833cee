-- order lines numbered, so that margins find their way back
select
    (row_number() over (order by run_date, customer_id, product_id) - 1)::bigint as line,
    run_date,
    customer_id,
    product_id,
    quantity::double as quantity,
    net_ron::double as net_ron,
    offer_id
from order_items
order by line
