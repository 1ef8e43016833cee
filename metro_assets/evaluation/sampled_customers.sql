-- a uniform sample of the customers who were registered before the date
select customers.customer_id
from customers
cross join parameters
where customers.registered_date < parameters.run_date
qualify
    row_number() over (
        order by hash(customers.customer_id, parameters.run_date, parameters.seed), customers.customer_id
    ) <= any_value(parameters.customers) over ()
