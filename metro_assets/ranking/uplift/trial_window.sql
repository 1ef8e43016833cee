-- pairs of the window; beyond the maximum, a moment is kept or left whole, arms alike
with in_window as (
    select labelled.*
    from labelled
    cross join parameters
    where shown_date between parameters.first_date and parameters.last_date
),

shares as (
    select any_value(parameters.maximum_rows) / greatest(count(in_window.customer_id), 1) as kept_share
    from parameters
    left join in_window on true
)

select in_window.*
from in_window
cross join shares
cross join parameters
where hash(in_window.customer_id, in_window.shown_date, parameters.seed)::double / 18446744073709551616.0
    < shares.kept_share
order by in_window.shown_date, in_window.customer_id, in_window.offer_id
