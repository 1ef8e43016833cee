-- training examples with their label: redeemed within the horizon, as far as it is known at the run date
with known as (
    select distinct redemptions.customer_id, redemptions.offer_id, redemptions.run_date as redeemed_date
    from redemptions
    cross join parameters
    where redemptions.run_date < parameters.run_date
        and redemptions.recorded_date < parameters.run_date
),

redeemed as (
    select distinct examples.impression_id
    from training_examples as examples
    cross join parameters
    inner join known
        on examples.customer_id = known.customer_id
        and examples.offer_id = known.offer_id
        and known.redeemed_date >= examples.shown_date
        and known.redeemed_date < examples.shown_date + parameters.horizon_days::integer
)

select training_examples.*, (redeemed.impression_id is not null)::utinyint as label
from training_examples
left join redeemed using (impression_id)
