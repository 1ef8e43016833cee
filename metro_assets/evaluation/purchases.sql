-- on how many days each customer bought the products of an offer before the judged days; of equals, the newer purchase leads
with bought as (
    select customer_id, product_id, count(distinct run_date) as days, max(run_date) as last_date
    from order_items
    semi join scored using (customer_id)
    where run_date >= (select first_date from parameters)
        and run_date < (select last_date from parameters)
        and recorded_date < (select last_date from parameters)
    group by customer_id, product_id
),

sets as (
    select distinct offer_id, product_id from offer_products
),

pairs as (
    select distinct customer_id, offer_id from scored
)

select
    pairs.customer_id,
    pairs.offer_id,
    sum(bought.days) + 1.0 / (1 + (select last_date from parameters) - max(bought.last_date)) as weight
from pairs
inner join sets using (offer_id)
inner join bought using (customer_id, product_id)
group by pairs.customer_id, pairs.offer_id
