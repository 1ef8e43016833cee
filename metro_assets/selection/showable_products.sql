-- One row per chosen offer of a slate and product that its tag may show, the best first: those of the offer that the
-- customer bought, most often first, and the anchor.
with
options as (
    select
        chosen.customer_id,
        chosen.algorithm,
        chosen.rank,
        chosen.offer_id,
        offer_products.product_id,
        customer_products.order_count,
        customer_products.net_ron,
        customer_products.usual_quantity,
        customer_products.cycle_days,
        customer_products.last_date
    from chosen
    inner join offer_products on chosen.offer_id = offer_products.offer_id
    left join customer_products
        on chosen.customer_id = customer_products.customer_id and offer_products.product_id = customer_products.product_id
    where offer_products.is_anchor or customer_products.product_id is not null
)

select
    dense_rank() over (order by customer_id, algorithm)::integer as slate,
    options.*
from options
order by slate, rank, order_count desc nulls last, net_ron desc, product_id
