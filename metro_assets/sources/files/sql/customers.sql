-- customers; who is not said to have registered is known from the first event on, without one from the files' last day
with seen as (
    select customer_id, run_date from orders
    union all
    select customer_id, run_date from impressions
    union all
    select customer_id, run_date from redemptions
    union all
    select customer_id, run_date from web_visits
),

first_days as (
    select customer_id, min(run_date) as run_date
    from seen
    group by customer_id
)

select
    customers.id as customer_id,
    coalesce(given.name, customers.source_id) as name,
    coalesce(given.segment, 'UNKNOWN') as segment,
    coalesce(given.business_type, 'UNKNOWN') as business_type,
    given.legal_form,
    given.cui,
    coalesce(
        given.metro_card, case when customers.id::varchar <> customers.source_id then customers.source_id end
    ) as metro_card,
    given.county,
    given.city,
    stores.id as store_id,
    given.store_name,
    coalesce(given.registered_date, first_days.run_date, span.last_day) as registered_date,
    given.founded_date,
    given.has_email_consent,
    given.has_sms_consent,
    given.has_whatsapp_consent
from typed_customers as given
cross join span
inner join ids_of_customers as customers on given.customer_id = customers.source_id
left join ids_of_stores as stores on given.store_id = stores.source_id
left join first_days on customers.id = first_days.customer_id
order by customers.id
