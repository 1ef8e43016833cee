-- rows with what the model of purchase sequences says of their offer, null where it says nothing
select described.*, signals.next_item_score
from described
left join signals using (customer_id, offer_id)
