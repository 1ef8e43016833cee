-- what the strategies found, each offer once per customer
select
    customer_id,
    offer_id,
    min(rank) filter (strategy = 'category_affinity') as category_affinity_rank,
    min(rank) filter (strategy = 'segment_popularity') as segment_popularity_rank,
    min(rank) filter (strategy = 'repeat_purchase') as repeat_purchase_rank,
    min(rank) filter (strategy = 'high_margin') as high_margin_rank,
    min(rank) filter (strategy = 'embedding') as embedding_rank
from found
group by customer_id, offer_id
