-- products of each customer's newest baskets; a basket is what became known on one day of the purchases of one day
with baskets as (
    select customer_id, run_date, recorded_date
    from lines
    group by customer_id, run_date, recorded_date
    qualify row_number() over (partition by customer_id order by run_date desc, recorded_date desc)
        <= (select most_baskets from parameters)
)

select distinct
    lines.customer_id,
    lines.run_date - date '1970-01-01' as day,
    lines.recorded_date - date '1970-01-01' as known_day,
    lines.product_id
from lines
semi join baskets using (customer_id, run_date, recorded_date)
order by all
