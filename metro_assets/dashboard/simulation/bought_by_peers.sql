-- what the customer bought, and that their trade bought the products that the slate may show
select columns(*)
from bought
union all by name
select peers.customer_id, peers.product_id
from peers
where
    peers.business_type = (select business_type from customer)
    and peers.product_id in (
        select offer_products.product_id
        from offer_products
        semi join chosen using (offer_id)
    )
    and peers.customer_id <> (select customer_id from customer)
