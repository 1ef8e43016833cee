-- what each customer had bought of the products of each offer when it was shown
with shown_products as (
    select distinct
        shown.customer_id,
        offer_products.product_id,
        shown.offer_id,
        shown.run_date as as_of_date,
        moments.from_date
    from shown
    inner join offer_products
        on shown.offer_id = offer_products.offer_id and shown.run_date = offer_products.run_date
    inner join moments
        on shown.customer_id = moments.customer_id and shown.run_date = moments.as_of_date
)

select
    shown_products.customer_id,
    shown_products.offer_id,
    shown_products.as_of_date,
    count(*) as purchase_count,
    min(lines.run_date) as first_date,
    max(lines.run_date) as last_date
from lines
inner join shown_products
    on lines.customer_id = shown_products.customer_id
    and lines.product_id = shown_products.product_id
    and lines.run_date >= shown_products.from_date
    and lines.run_date < shown_products.as_of_date
    and lines.recorded_date < shown_products.as_of_date
group by shown_products.customer_id, shown_products.offer_id, shown_products.as_of_date
