-- customers who may be shown a listed offer
select offers.id as offer_id, customers.id as customer_id
from typed_offer_audience as given
inner join ids_of_offers as offers on given.offer_id = offers.source_id
inner join ids_of_customers as customers on given.customer_id = customers.source_id
order by offers.id, customers.id
