-- the hold-out rows of both fits, one row per impression with a column per algorithm, and the offers' popularity
with wide as (
    pivot holdout_scores
    on algorithm
    using any_value(score)
    group by
        impression_id, slate_id, customer_id, offer_id, shown_date, position, policy, label, bought_before,
        days_since_product
)

select wide.*, coalesce(popularity.buyers, 0) as popularity
from wide
left join popularity using (offer_id)
order by slate_id, offer_id
