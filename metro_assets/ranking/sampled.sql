-- rows of the window; lists without a redemption are kept with a probability and weighted by its inverse
with in_window as (
    select labelled.*, parameters.kept_share, parameters.seed
    from labelled
    cross join parameters
    where shown_date between first_date and last_date
),

lists as (
    select slate_id, max(label) as has_redemption
    from in_window
    group by slate_id
)

select
    in_window.* exclude (kept_share, seed),
    case when lists.has_redemption = 1 then 1.0 else 1.0 / in_window.kept_share end as weight
from in_window
inner join lists using (slate_id)
where lists.has_redemption = 1
    or hash(in_window.slate_id, in_window.seed)::double / 18446744073709551616.0 < in_window.kept_share
order by in_window.shown_date, in_window.slate_id, in_window.offer_id
