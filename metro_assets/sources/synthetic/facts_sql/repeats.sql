-- How often a bought product was bought before by the customer: one row. The last 14 days, against all days before.
with recent as (
    select sum(lines) as lines from daily_lines where run_date > $last_date - 14
),
firsts as (
    select count(*) as firsts from pairs where first_date > $last_date - 14
)
select 1 - firsts / lines as repeat_share,
    (select avg((days = 1)::int) from pairs) as pairs_bought_once_share
from recent cross join firsts;
