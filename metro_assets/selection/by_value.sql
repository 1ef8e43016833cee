-- the chosen pairs with their own score and value
select
    chosen.customer_id,
    chosen.algorithm,
    chosen.rank,
    chosen.offer_id,
    eligible.score,
    eligible.value_ron
from chosen
inner join eligible using (customer_id, algorithm, offer_id)
