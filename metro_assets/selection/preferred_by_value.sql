-- pairs with their value in the place of the score; below every sum of money, in the order of the score, where unknown
select
    customer_id,
    algorithm,
    offer_id,
    category,
    coalesce(value_ron::double, -1e9 + score) as score
from eligible
