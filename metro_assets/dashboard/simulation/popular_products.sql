-- what most of a segment buys of a category, the first ones
select
    customers.segment,
    products.category,
    bought.product_id,
    row_number() over (
        partition by customers.segment, products.category order by count(*) desc, bought.product_id
    )::integer as place
from bought
inner join customers using (customer_id)
inner join products using (product_id)
group by customers.segment, products.category, bought.product_id
qualify place <= (select popular_count from parameters)
