-- offers on what the customer buys: purchases in the window, counting half for every half-life since the last one
with bought as (
    select
        customer_offers.customer_id,
        customer_offers.offer_id,
        -- rounded, for equal weights differ in the last bit: one purchase now, two a half-life ago
        round(
            customer_offers.purchase_count
            * 0.5 ** ((parameters.run_date - customer_offers.last_date) / parameters.half_life_days),
            12
        ) as weight
    from customer_offers
    cross join parameters
),

found as (
    select bought.customer_id, bought.offer_id, bought.weight
    from bought
    inner join shelves using (customer_id)
    inner join shelf_offers using (shelf_id, offer_id)
    union all
    select bought.customer_id, bought.offer_id, bought.weight
    from bought
    inner join listed_offers using (customer_id, offer_id)
)

select
    customer_id,
    offer_id,
    row_number() over (partition by customer_id order by weight desc, offer_id)::smallint as rank
from found
qualify rank <= (select per_strategy from parameters)
