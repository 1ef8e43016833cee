-- one row: NDCG@10 of an algorithm on its test window with interval, the oracle's, and the recall of the pool
with measured as (
    select
        evaluation_metrics.value,
        evaluation_metrics.lower,
        evaluation_metrics.upper,
        evaluation_metrics.metric = 'ndcg_at_10' and evaluation_metrics.subject = 'HOLDOUT' as is_ndcg,
        evaluation_metrics.algorithm = parameters.algorithm as is_chosen,
        evaluation_metrics.algorithm = parameters.oracle as is_oracle,
        evaluation_metrics.metric = 'pool_recall:pool' as is_recall
    from evaluation_metrics, parameters
    where evaluation_metrics.population = 'REDEEMERS'
)

select
    max(value) filter (is_ndcg and is_chosen) as ndcg_at_10,
    max(lower) filter (is_ndcg and is_chosen) as ndcg_lower,
    max(upper) filter (is_ndcg and is_chosen) as ndcg_upper,
    max(value) filter (is_ndcg and is_oracle) as ndcg_oracle,
    max(value) filter (is_recall) as pool_recall
from measured
