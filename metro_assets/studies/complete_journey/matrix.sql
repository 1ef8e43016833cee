-- impressions with the features of their offer's set beside the others
select
    base.*,
    sets.* exclude (customer_id, offer_id),
    base.offer_id // 1000 as campaign_id
from base
inner join sets using (customer_id, offer_id)
