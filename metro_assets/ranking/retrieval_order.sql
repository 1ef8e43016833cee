-- the pool in the order of retrieval: what the customer buys first, then their categories, then what others buy
select
    customer_id,
    offer_id,
    'retrieval' as algorithm,
    (
        1.0 / row_number() over (
            partition by customer_id
            order by
                repeat_purchase_rank nulls last,
                category_affinity_rank nulls last,
                segment_popularity_rank nulls last,
                high_margin_rank nulls last,
                embedding_rank nulls last,
                offer_id
        )
    )::float as score,
    null::float as value_ron,
    null::float as log_odds_sd
from pool
order by customer_id, offer_id
