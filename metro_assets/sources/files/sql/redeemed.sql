-- redemptions as the files have them
select
    case
        when given.redemption_id is null
            then bits_of(
                concat_ws(
                    '|', given.customer_id, given.offer_id, given.order_id, given.product_id, given.redeemed_at
                )
            )
        else number_of_redemption(given.redemption_id)
    end as redemption_id,
    coalesce(customers.id, numbered_orders.customer_id) as customer_id,
    offers.id as offer_id,
    number_of_impression(given.impression_id) as impression_id,
    numbered_orders.order_id,
    products.id as product_id,
    coalesce(given.redeemed_at, numbered_orders.ordered_at) as redeemed_at,
    given.discount_ron,
    coalesce(given.recorded_date, given.redeemed_at::date, numbered_orders.recorded_date) as recorded_date
from typed_redemptions as given
inner join ids_of_offers as offers on given.offer_id = offers.source_id
left join ids_of_customers as customers on given.customer_id = customers.source_id
left join ids_of_products as products on given.product_id = products.source_id
left join numbered_orders on given.order_id = numbered_orders.source_id
