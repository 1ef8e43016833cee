-- the rows of the customers who are due
select rows.*
from rows
semi join due using (customer_id)
