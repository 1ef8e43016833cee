-- the customers of each offer with the highest scores
with best as (
    select offer_id, customer_id, rank, score, expected_margin_ron
    from chosen
    qualify
        row_number() over (partition by offer_id order by score desc, customer_id) <= (select kept from parameters)
)

select
    best.offer_id,
    best.customer_id,
    customers.name,
    customers.segment,
    best.rank,
    best.score,
    best.expected_margin_ron
from best
left join customers on best.customer_id = customers.customer_id
order by best.offer_id, best.score desc, best.customer_id
