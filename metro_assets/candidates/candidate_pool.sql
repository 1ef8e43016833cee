-- at most `pool_cap` per customer, the best ranks first; only the customers above the cap are sorted
with crowded as (
    select customer_id
    from united
    group by customer_id
    having count(*) > (select pool_cap from parameters)
),

kept as (
    select united.*
    from united
    inner join crowded using (customer_id)
    qualify
        row_number() over (
            partition by united.customer_id
            order by
                least(
                    category_affinity_rank,
                    segment_popularity_rank,
                    repeat_purchase_rank,
                    high_margin_rank,
                    embedding_rank
                ),
                coalesce(category_affinity_rank, 0) + coalesce(segment_popularity_rank, 0)
                + coalesce(repeat_purchase_rank, 0) + coalesce(high_margin_rank, 0)
                + coalesce(embedding_rank, 0),
                united.offer_id
        ) <= (select pool_cap from parameters)
)

from kept
union all
select united.*
from united
anti join crowded using (customer_id)
