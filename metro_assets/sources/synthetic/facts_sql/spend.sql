-- Concentration of spend over customers that bought: one row.
with spent as (
    select customer_id, sum(net_ron)::double as net_ron from orders group by customer_id
),
ranked as (
    select net_ron, row_number() over (order by net_ron, customer_id) as position, count(*) over () as customers from spent
)
select 2 * sum(position * net_ron) / (any_value(customers) * sum(net_ron)) - (any_value(customers) + 1) / any_value(customers) as gini,
    sum(net_ron) filter (position > 0.90 * customers) / sum(net_ron) as top_10_percent_share
from ranked;
