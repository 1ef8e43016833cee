-- baskets known before the run date, beyond the maximum a uniform sample of them, in a random order; the products of each
-- in a random order as well, so that a window over its neighbours is a uniform sample of the basket's pairs
with sampled as (
    select orders.order_id
    from orders
    cross join parameters
    where
        orders.run_date >= parameters.first_date
        and orders.run_date < parameters.run_date
        and orders.recorded_date < parameters.run_date
        and orders.line_count > 1
    order by hash(orders.order_id, parameters.seed), orders.order_id
    limit (select maximum_baskets from parameters)
),

lines as (
    select
        order_items.order_id,
        order_items.product_id,
        hash(order_items.order_id, parameters.seed) as basket_place,
        hash(order_items.order_id, order_items.product_id, parameters.seed) as place
    from order_items
    semi join sampled using (order_id)
    cross join parameters
    where
        order_items.run_date >= parameters.first_date
        and order_items.run_date < parameters.run_date
        and order_items.recorded_date < parameters.run_date
)

select list(product_id order by place, product_id) as product_ids
from lines
group by order_id, basket_place
having count(*) > 1
order by basket_place, order_id
