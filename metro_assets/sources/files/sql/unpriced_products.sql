-- products whose permanent price no file states
select products.id as product_id, coalesce(given.category, 'UNKNOWN') as category
from typed_products as given
inner join ids_of_products as products on given.product_id = products.source_id
where given.base_price_ron is null
