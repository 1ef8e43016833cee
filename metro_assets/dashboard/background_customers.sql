-- customers whose candidates make the background: any, but always the same ones
select customer_features.customer_id
from customer_features
order by md5_number_lower(customer_features.customer_id::varchar), customer_features.customer_id
limit (select customer_count from parameters)
