-- One row per chosen offer of a slate and product that its tag may show, the best first: those of the offer that the
-- customer bought, most often first, and the anchor, bought or not.
with
algorithms as (
    select algorithm, row_number() over (order by algorithm) - 1 as place, count(*) over () as algorithm_count
    from (select distinct algorithm from chosen)
),

slates as (
    select
        chosen.customer_id::bigint * algorithms.algorithm_count + algorithms.place as slate,
        chosen.customer_id,
        chosen.algorithm,
        chosen.rank,
        chosen.offer_id
    from chosen
    inner join algorithms on chosen.algorithm = algorithms.algorithm
),

options as (
    select
        slates.*,
        customer_products.product_id,
        customer_products.order_count,
        customer_products.net_ron,
        customer_products.usual_quantity,
        customer_products.cycle_days,
        customer_products.last_date
    from customer_products
    inner join offer_products on customer_products.product_id = offer_products.product_id
    inner join slates
        on customer_products.customer_id = slates.customer_id and offer_products.offer_id = slates.offer_id
    union all
    select slates.*, offer_products.product_id, null, null, null, null, null
    from slates
    inner join offer_products on slates.offer_id = offer_products.offer_id and offer_products.is_anchor
)

select * exclude (net_ron)
from options
order by slate, rank, order_count desc nulls last, net_ron desc, product_id
