-- randomised arms
select
    given.date as run_date,
    customers.id as customer_id,
    given.arm,
    coalesce(given.probability, 1) as probability,
    coalesce(given.recorded_date, given.date) as recorded_date
from typed_assignments as given
inner join ids_of_customers as customers on given.customer_id = customers.source_id
order by given.date, customers.id
