-- settled impressions of pairs with a redemption that became known on the day before, and happened before that day
with late as (
    select distinct redemptions.customer_id, redemptions.offer_id
    from redemptions
    cross join parameters
    where redemptions.recorded_date = parameters.known_date and redemptions.run_date < parameters.known_date
)

select training_examples.*
from training_examples
cross join parameters
semi join late on training_examples.customer_id = late.customer_id and training_examples.offer_id = late.offer_id
where training_examples.shown_date < parameters.newest_date
