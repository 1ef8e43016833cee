-- one row per offer that was live in the days played: how often the policy showed it
with shown as (
    select offer_id, count(*) as impression_count
    from impressions
    cross join parameters
    where impressions.policy = parameters.policy
    group by offer_id
)

select
    live.offer_id,
    coalesce(shown.impression_count, 0)::bigint as impression_count
from (select distinct offer_id from offers) as live
left join shown using (offer_id)
order by live.offer_id
