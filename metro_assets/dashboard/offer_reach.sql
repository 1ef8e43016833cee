-- one row per offer and segment: who got it, and what may be expected of that
select
    chosen.offer_id,
    coalesce(customers.segment, 'UNKNOWN') as segment,
    count(*) as customer_count,
    sum(chosen.score::double) as expected_redemptions,
    sum(chosen.expected_margin_ron) as expected_margin_ron,
    sum(
        chosen.score
        * candidate_margins.usual_quantity
        * (candidate_margins.usual_margin_ron - candidate_margins.offer_margin_ron)
    ) as expected_cost_ron
from chosen
left join customers on chosen.customer_id = customers.customer_id
left join candidate_margins
    on chosen.customer_id = candidate_margins.customer_id and chosen.offer_id = candidate_margins.offer_id
group by chosen.offer_id, customers.segment
order by chosen.offer_id, segment
