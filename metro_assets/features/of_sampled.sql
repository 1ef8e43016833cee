-- the rows of some customers
select rows.*
from rows
semi join sampled using (customer_id)
