-- window sums per customer and category at one date, from what each customer bought
select
    customer_products.customer_id,
    parameters.as_of_date,
    products.category,
    sum(customer_products.net_ron)::decimal(18, 2) as net_ron,
    (
        case
            when count(products.is_own_brand) > 0
                then coalesce(sum(customer_products.net_ron) filter (products.is_own_brand), 0)
        end
    )::decimal(18, 2) as own_brand_ron,
    sum(customer_products.offer_ron)::decimal(18, 2) as offer_ron,
    sum(customer_products.order_count)::bigint as line_count,
    sum(customer_products.tier_line_count)::bigint as tier_line_count
from customer_products
inner join products using (product_id)
cross join parameters
group by customer_products.customer_id, parameters.as_of_date, products.category
