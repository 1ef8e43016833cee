-- When in its validity an offer is redeemed, and how deep the redeemed discounts are: one row.
with live as (
    select offer_id, any_value(valid_from_date) as valid_from_date, any_value(valid_to_date) as valid_to_date
    from offers
    group by offer_id
),
joined as (
    select (redemptions.run_date - valid_from_date) / greatest(valid_to_date - valid_from_date, 1) as moment,
        (discount_ron / (discount_ron + order_items.net_ron))::double as depth
    from redemptions
    join live using (offer_id)
    join order_items on order_items.order_id = redemptions.order_id and order_items.product_id = redemptions.product_id
        and order_items.run_date = redemptions.run_date
    where redemptions.run_date > $last_date - 28 and discount_ron + order_items.net_ron > 0
)
select quantile_cont(moment, [0.5, 0.9]) as moment, quantile_cont(depth, [0.1, 0.5, 0.9]) as depth from joined;
