-- the three shelves of a product: its type, its category, its brand within the category
select product_id, 'type' as level, hash(category, coalesce(subcategory, '')) as shelf
from products
union all
select product_id, 'category' as level, hash(category) as shelf
from products
union all
select product_id, 'brand' as level, hash(category, brand) as shelf
from products
where brand is not null
