-- what each customer had bought of the products of each offer when it was shown; as in purchases_of_products.sql
with shown_pairs as (
    select distinct
        customer_id,
        offer_id,
        run_date as as_of_date
    from shown
),

shown_products as (
    select
        shown_pairs.customer_id,
        offer_products.product_id,
        shown_pairs.offer_id,
        shown_pairs.as_of_date,
        shown_pairs.as_of_date - parameters.window_days::integer as from_date
    from shown_pairs
    inner join offer_products
        on shown_pairs.offer_id = offer_products.offer_id and shown_pairs.as_of_date = offer_products.run_date
    cross join parameters
),

bought as (
    select
        shown_products.customer_id,
        shown_products.offer_id,
        shown_products.as_of_date,
        shown_products.product_id,
        count(*) as order_count,
        min(lines.run_date) as first_date,
        max(lines.run_date) as last_date
    from lines
    inner join shown_products
        on lines.customer_id = shown_products.customer_id
        and lines.product_id = shown_products.product_id
        and lines.run_date >= shown_products.from_date
        and lines.run_date < shown_products.as_of_date
        and lines.recorded_date < shown_products.as_of_date
    group by
        shown_products.customer_id, shown_products.offer_id, shown_products.as_of_date, shown_products.product_id
)

select
    customer_id,
    offer_id,
    as_of_date,
    sum(order_count)::bigint as purchase_count,
    max(order_count)::bigint as repeat_count,
    min(first_date) as first_date,
    max(last_date) as last_date
from bought
group by customer_id, offer_id, as_of_date
