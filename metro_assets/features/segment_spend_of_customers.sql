-- window sums per segment and category, from those of all customers
select
    customers.segment,
    spend.as_of_date,
    spend.category,
    sum(spend.net_ron)::decimal(18, 2) as net_ron,
    sum(spend.offer_ron)::decimal(18, 2) as offer_ron
from spend
inner join customers using (customer_id)
group by customers.segment, spend.as_of_date, spend.category
