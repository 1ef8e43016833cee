-- what each algorithm recommended to the customers of the random slates on the day of each
with customers as (
    select distinct shown_date, slate_id, customer_id
    from random_slates
)

select recommendations.algorithm, customers.slate_id, recommendations.offer_id, recommendations.score
from recommendations
inner join customers
    on recommendations.run_date = customers.shown_date and recommendations.customer_id = customers.customer_id
order by recommendations.algorithm, customers.slate_id, recommendations.offer_id
