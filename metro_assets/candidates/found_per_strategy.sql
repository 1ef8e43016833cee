-- candidates per strategy: all that it found, and those that no other found
with counted as (
    select
        category_affinity_rank,
        segment_popularity_rank,
        repeat_purchase_rank,
        high_margin_rank,
        embedding_rank,
        (category_affinity_rank is not null)::integer + (segment_popularity_rank is not null)::integer
        + (repeat_purchase_rank is not null)::integer + (high_margin_rank is not null)::integer
        + (embedding_rank is not null)::integer as strategy_count
    from candidates
),

long as (
    unpivot counted
    on category_affinity_rank, segment_popularity_rank, repeat_purchase_rank, high_margin_rank, embedding_rank
    into name strategy value rank
)

select
    replace(strategy, '_rank', '') as strategy,
    count(*) as found_count,
    count(*) filter (strategy_count = 1) as alone_count
from long
group by strategy
order by strategy
