-- spend per customer in the window
select customer_id, sum(net_ron)::double as net_ron
from lines
group by customer_id
