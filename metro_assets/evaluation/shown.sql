-- the hold-out rows of both fits, with what the baselines need
select
    holdout_scores.impression_id,
    holdout_scores.slate_id,
    holdout_scores.customer_id,
    holdout_scores.offer_id,
    holdout_scores.algorithm,
    holdout_scores.score,
    holdout_scores.shown_date,
    holdout_scores.position,
    holdout_scores.policy,
    holdout_scores.label,
    holdout_scores.product_purchases as repeat_purchase,
    coalesce(popularity.line_count, 0) as popularity
from holdout_scores
left join popularity using (offer_id)
