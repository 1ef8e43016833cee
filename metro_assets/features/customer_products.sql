-- what each customer bought, over order lines already limited to what is known
select
    customer_id,
    product_id,
    count(*)::integer as order_count,
    sum(quantity)::double / count(*) as usual_quantity,
    sum(net_ron)::decimal(14, 2) as net_ron,
    coalesce(sum(net_ron) filter (offer_id is not null), 0)::decimal(14, 2) as offer_ron,
    (case when count(tier) > 0 then count(*) filter (tier >= 2) end)::integer as tier_line_count,
    min(run_date) as first_date,
    max(run_date) as last_date,
    case
        when max(run_date) > min(run_date) then (max(run_date) - min(run_date))::double / (count(*) - 1)
    end as cycle_days
from lines
group by customer_id, product_id
