-- order lines of the products of each offer before the judged days
with sold as (
    select product_id, count(*) as line_count
    from order_items
    where run_date >= (select first_date from parameters)
        and run_date < (select last_date from parameters)
        and recorded_date < (select last_date from parameters)
    group by product_id
),

sets as (
    select distinct offer_id, product_id from offer_products
)

select sets.offer_id, sum(sold.line_count)::double as line_count
from sets
inner join sold using (product_id)
group by sets.offer_id
