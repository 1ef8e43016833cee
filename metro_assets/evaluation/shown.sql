-- the hold-out rows of both fits, with the popularity of their offers
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
    holdout_scores.bought_before,
    holdout_scores.days_since_product,
    coalesce(popularity.buyers, 0) as popularity
from holdout_scores
left join popularity using (offer_id)
