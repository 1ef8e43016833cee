-- a small number for every category: grouping by it is much faster than by its name
select
    category,
    row_number() over (order by category)::usmallint as category_id
from (select distinct category from products)
