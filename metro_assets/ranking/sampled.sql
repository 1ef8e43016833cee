-- rows of the window; lists with and without a redemption are each kept with a probability and weighted by its inverse
with in_window as (
    select labelled.*, parameters.seed, parameters.kept_with, parameters.kept_without
    from labelled
    cross join parameters
    where shown_date between first_date and last_date
),

lists as (
    select slate_id, case when max(label) = 1 then any_value(kept_with) else any_value(kept_without) end as kept_share
    from in_window
    group by slate_id
)

select
    in_window.* exclude (seed, kept_with, kept_without),
    1.0 / lists.kept_share as weight
from in_window
inner join lists using (slate_id)
where hash(in_window.slate_id, in_window.seed)::double / 18446744073709551616.0 < lists.kept_share
order by in_window.shown_date, in_window.slate_id, in_window.offer_id
