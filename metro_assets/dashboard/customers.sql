-- one row per customer of a publication: master data, features of the morning, offers by the algorithm that is served
with offer_counts as (
    select customer_id, count(*) as offer_count
    from recommendations
    where algorithm = $algorithm
    group by customer_id
),

reasons as (
    select customer_id, reason as shortfall
    from recommendation_shortfalls
    where algorithm = $algorithm
)

select
    customers.*,
    customer_features.* exclude (customer_id),
    coalesce(offer_counts.offer_count, 0)::integer as offer_count,
    reasons.shortfall
from customers
left join customer_features on customers.customer_id = customer_features.customer_id
left join offer_counts on customers.customer_id = offer_counts.customer_id
left join reasons on customers.customer_id = reasons.customer_id
order by customers.customer_id
