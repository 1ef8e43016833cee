-- the order value of repeat_purchase, to twelve digits: what differs further behind is rounding, and a tie
select
    customer_products.customer_id,
    offer_products.offer_id,
    round(
        sum(customer_products.order_count)
        * 0.5 ** ((parameters.run_date - max(customer_products.last_date)) / parameters.half_life_days),
        12
    ) as weight
from customer_products
inner join offer_products using (product_id)
cross join parameters
group by customer_products.customer_id, offer_products.offer_id, parameters.run_date, parameters.half_life_days
