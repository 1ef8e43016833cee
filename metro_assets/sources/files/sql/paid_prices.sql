-- what was paid without an offer, per product whose price no file states and day of sale
select
    product_id,
    run_date,
    recorded_date,
    median(unit_price_ron)::decimal(9, 2) as unit_price_ron
from order_items
semi join unpriced_products using (product_id)
where offer_id is null and unit_price_ron > 0
group by product_id, run_date, recorded_date
order by run_date, product_id
