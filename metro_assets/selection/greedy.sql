-- Greedy under a cap per category, as sets: what is past the cap within its own category can never be taken, and the
-- rest is taken in order. A tie goes to the smaller offer id. A category that is not known has no cap.
with
best_of_category as (
    select
        eligible.customer_id,
        eligible.algorithm,
        unnest(
            max(
                {'score': eligible.score, 'reversed_offer_id': -eligible.offer_id},
                case
                    when eligible.category = 'UNKNOWN' then parameters.slate_size
                    else parameters.maximum_per_category
                end
            )
        ) as offer
    from eligible, parameters
    group by eligible.customer_id, eligible.algorithm, eligible.category
),

slates as (
    select
        best_of_category.customer_id,
        best_of_category.algorithm,
        max(best_of_category.offer, parameters.slate_size) as offers
    from best_of_category, parameters
    group by best_of_category.customer_id, best_of_category.algorithm
)

select
    customer_id,
    algorithm,
    generate_subscripts(offers, 1)::tinyint as rank,
    -unnest(offers).reversed_offer_id as offer_id,
    unnest(offers).score as score
from slates
