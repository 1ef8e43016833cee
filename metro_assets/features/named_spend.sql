-- window sums per moment with the category's name
select
    spend.* exclude (category_id),
    categories.category
from spend
inner join categories using (category_id)
