with shortfalls as (
    select customer_id, reason
    from recommendation_shortfalls
    where algorithm = $algorithm
)

select
    customer_id,
    to_json({
        'customer_id': customer_id,
        'name': name,
        'segment': segment,
        'business_type': business_type,
        'city': city,
        'county': county,
        'store_name': store_name
    })::varchar as customer,
    shortfalls.reason as shortfall
from customers
left join shortfalls using (customer_id)
where $ids::integer[] is null or customer_id in (select unnest($ids::integer[]))
order by customer_id
