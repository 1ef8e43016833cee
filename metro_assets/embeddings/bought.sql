-- what each customer bought in the window, the more often and the later the heavier
select
    customer_products.customer_id,
    customer_products.product_id,
    ln(1 + customer_products.order_count)
    * 0.5 ** ((parameters.run_date - customer_products.last_date) / parameters.half_life_days) as weight
from customer_products
cross join parameters
