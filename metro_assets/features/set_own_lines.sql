-- lines of the pairs' customers with their age and what is left of each at the half-life
select
    lines.customer_id,
    lines.product_id,
    lines.net_ron::double as net_ron,
    parameters.as_of_date - lines.run_date as age_days,
    0.5 ** ((parameters.as_of_date - lines.run_date) / parameters.half_life_days) as weight,
    parameters.window_days
from lines
cross join parameters
where lines.customer_id in (select customer_id from pairs)
