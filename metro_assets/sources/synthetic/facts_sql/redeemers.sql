-- Who redeems and what is redeemed: one row; customers and offers that were shown.
with per_customer as (
    select shown.customer_id, coalesce(redeemed, 0) as redeemed
    from (select distinct customer_id from impressions) as shown
    left join (
        select customer_id, count(*) as redeemed from redemptions where impression_id is not null group by customer_id
    ) using (customer_id)
),
ranked as (
    select redeemed, row_number() over (order by redeemed, customer_id) as position, count(*) over () as customers from per_customer
),
per_offer as (
    select count(redeemed.offer_id) / count(*) as share
    from (select distinct offer_id from impressions) as shown
    left join (select distinct offer_id from redemptions) as redeemed using (offer_id)
)
select avg((redeemed > 0)::int) as ever_redeemed_share,
    2 * sum(position * redeemed) / (any_value(customers) * sum(redeemed)) - (any_value(customers) + 1) / any_value(customers) as gini,
    1 - (select share from per_offer) as offers_never_redeemed_share
from ranked;
