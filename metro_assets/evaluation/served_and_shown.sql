-- served rows that the log happened to show on the served date, with their outcome: calibration where it is tested
with redeemed as (
    select distinct customer_id, offer_id
    from redemptions
    where run_date >= (select first_date from parameters)
        and run_date < (select last_date from parameters)
        and recorded_date < (select last_date from parameters)
)

select
    recommendations.algorithm,
    recommendations.customer_id,
    recommendations.score,
    (redeemed.offer_id is not null)::tinyint as label
from recommendations
semi join impressions using (customer_id, offer_id)
left join redeemed using (customer_id, offer_id)
order by recommendations.algorithm, recommendations.customer_id, recommendations.offer_id
