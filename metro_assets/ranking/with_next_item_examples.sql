-- impressions with what the model of purchase sequences said of their offer when they were shown, null where nothing
select described.*, signals.next_item_score
from described
left join signals using (impression_id)
