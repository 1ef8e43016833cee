-- rows of lists with a redemption and of lists without
with lists as (
    select slate_id, count(*) as row_count, max(label) as has_redemption
    from labelled
    cross join parameters
    where shown_date between first_date and last_date
    group by slate_id
)

select
    coalesce(sum(row_count) filter (has_redemption = 1), 0)::bigint as with_redemption,
    coalesce(sum(row_count) filter (has_redemption = 0), 0)::bigint as without_redemption
from lists
