-- what was found, on the connection of the market
select found.customer_id, found.offer_id, found.rank
from found
semi join shelves using (customer_id)
