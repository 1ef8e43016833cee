-- how many customers bought each product of an offer before the judged days, summed over its products
with lines as (
    select distinct customer_id, product_id
    from order_items
    where run_date >= (select first_date from parameters)
        and run_date < (select last_date from parameters)
        and recorded_date < (select last_date from parameters)
),

buyers as (
    select product_id, count(*) as buyers from lines group by product_id
),

sets as (
    select distinct offer_id, product_id from offer_products
)

select sets.offer_id, sum(buyers.buyers)::double as buyers
from sets
inner join buyers using (product_id)
group by sets.offer_id
