-- lines that are purchases of goods, in the stores' own time: the package's timestamps are UTC, the stores are US Eastern
select
    transactions.basket_id as order_id,
    transactions.household_id::integer as customer_id,
    -- the package's numbers go past a smallint: stores are counted in their order
    dense_rank() over (order by transactions.store_id)::smallint as store_id,
    transactions.product_id::integer as product_id,
    transactions.quantity::decimal(9, 3) as quantity,
    (transactions.transaction_timestamp at time zone 'UTC') at time zone 'America/New_York' as ordered_at,
    -- on the shelf, before any discount; paid, after the loyalty price and the customer's own coupon
    transactions.sales_value + transactions.retail_disc + transactions.coupon_match_disc as shelf_value,
    greatest(transactions.sales_value - transactions.coupon_disc, 0) as paid_value,
    transactions.coupon_disc as coupon_value
from raw_transactions as transactions
left join raw_products as products using (product_id)
-- fuel is counted in fractions of a gallon, coupons and miscellaneous are bookings of the till
where coalesce(products.department, '') not in ('FUEL', 'COUPON', 'MISCELLANEOUS')
    and transactions.quantity > 0
