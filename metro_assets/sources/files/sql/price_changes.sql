-- stated prices by the day from which they hold
select
    products.id as product_id,
    given.date as from_date,
    given.cost_ron,
    given.base_price_ron,
    given.tier2_price_ron,
    given.tier3_price_ron
from typed_daily_prices as given
inner join ids_of_products as products on given.product_id = products.source_id
order by from_date, product_id
