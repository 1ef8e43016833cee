-- candidates of a range of customers with the features of the pair, of the customer and of the offer
with bounded as (
    select pool.*
    from pool
    where customer_id >= (select first_customer from parameters)
        and customer_id <= (select last_customer from parameters)
)

select bounded.*, customer_features.* exclude (customer_id), offer_features.* exclude (offer_id)
from bounded
inner join customer_features using (customer_id)
inner join offer_features using (offer_id)
order by bounded.customer_id, bounded.offer_id
