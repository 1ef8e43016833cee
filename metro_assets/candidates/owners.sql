-- customers with a vector, and their shelf
select customer_vectors.customer_id, customer_vectors.vector, shelves.shelf_id
from customer_vectors
inner join shelves using (customer_id)
order by customer_vectors.customer_id
