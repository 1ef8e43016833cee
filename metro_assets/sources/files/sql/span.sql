-- first and last day on which anything happened
with days as (
    select min(run_date) as first_day, max(run_date) as last_day from orders
    union all
    select min(run_date), max(run_date) from impressions
    union all
    select min(run_date), max(run_date) from redemptions
    union all
    select min(run_date), max(run_date) from web_visits
    union all
    select min(run_date), max(run_date) from assignments
)

select min(first_day) as first_day, max(last_day) as last_day from days
