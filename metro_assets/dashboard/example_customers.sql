-- one row per segment and kind: the customer whose slate shows best, one who gets fewer offers, one without an order
with slates as (
    select
        customer_id,
        count(*) as offer_count,
        count(*) filter (saving_ron > 0) as saving_count,
        count(distinct category) as category_count
    from recommendations
    where algorithm = $algorithm
    group by customer_id
),

candidates as (
    select
        customers.customer_id,
        customers.name,
        customers.segment,
        customers.business_type,
        customers.city,
        customer_features.frequency_orders,
        customer_features.monetary_ron,
        coalesce(slates.offer_count, 0) as offer_count,
        case
            when slates.customer_id is null then 'without_offers'
            when coalesce(customer_features.frequency_orders, 0) = 0 then 'without_history'
            else 'served'
        end as kind,
        slates.saving_count,
        slates.category_count
    from customers
    left join customer_features on customers.customer_id = customer_features.customer_id
    left join slates on customers.customer_id = slates.customer_id
)

select customer_id, name, segment, business_type, city, frequency_orders, monetary_ron, offer_count::integer as offer_count, kind
from candidates
qualify
    row_number() over (
        partition by case when kind = 'served' then segment else kind end
        order by
            offer_count desc, saving_count desc, least(category_count, 6) desc, frequency_orders desc nulls last, customer_id
    ) = 1
order by kind = 'without_offers', kind = 'without_history', monetary_ron desc nulls last, customer_id
