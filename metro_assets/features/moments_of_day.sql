-- every customer who was registered before the date
select
    customer_id,
    as_of_date,
    from_date
from customers
cross join parameters
where registered_date < as_of_date
