-- the customer as the scenario has them, and the others of their trade
select columns(*)
from customer
union all by name
select everyone.*
from everyone
where
    everyone.business_type = (select business_type from customer)
    and everyone.customer_id <> (select customer_id from customer)
