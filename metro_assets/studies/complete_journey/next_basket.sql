-- items that each household bought before or in the week; unknown to an order: -1
with item_orders as (
    select distinct known.customer_id, items.item, known.order_id, known.run_date
    from known
    inner join items using (product_id)
),

own as (
    select
        item_orders.customer_id,
        item_orders.item,
        count(*) as order_count,
        max(item_orders.run_date) as last_date,
        sum(0.5 ** ((parameters.first_day - item_orders.run_date) / 56.0)) as decayed_56,
        sum(0.5 ** ((parameters.first_day - item_orders.run_date) / 112.0)) as decayed_112
    from item_orders
    cross join parameters
    group by item_orders.customer_id, item_orders.item
),

popular as (
    select items.item, count(*) as line_count
    from known
    inner join items using (product_id)
    cross join parameters
    where known.run_date >= parameters.first_day - 28
    group by items.item
    order by line_count desc, items.item
    limit 10
),

wanted as (
    select distinct bought.customer_id, items.item
    from bought
    inner join items using (product_id)
),

households as (
    select distinct customer_id from wanted
),

everything as (
    select customer_id, item from wanted
    union
    select customer_id, item from own where customer_id in (select customer_id from households)
    union
    select households.customer_id, popular.item from households cross join popular
)

select
    everything.customer_id::bigint as customer_id,
    everything.item,
    (wanted.item is not null)::integer as label,
    coalesce(popular.line_count::double, -1) as popularity,
    coalesce(own.order_count::double, -1) as frequency,
    -- as candidates/repeat_purchase.sql weighs what a customer buys
    coalesce(
        own.order_count * 0.5 ** ((parameters.first_day - own.last_date) / parameters.half_life_days), -1
    ) as repeat_purchase,
    coalesce(own.decayed_56, -1) as decayed_56,
    coalesce(own.decayed_112, -1) as decayed_112
from everything
cross join parameters
left join wanted using (customer_id, item)
left join own using (customer_id, item)
left join popular using (item)
