-- one row: the run that published the morning, from its first input to its last table, and what was made for the morning
with publishing as (
    select run_id
    from pipeline_runs
    where table_name = 'published_recommendations'
)

select
    count(*) as table_count,
    coalesce(sum(row_count), 0)::bigint as row_count,
    max(finished_at) as finished_at,
    -- the tables of one step share its seconds, so their sum would count them twice
    epoch(
        max(finished_at) filter (run_id in (from publishing))
        - min(finished_at - to_milliseconds(coalesce(seconds * 1000, 0)::bigint)) filter (run_id in (from publishing))
    ) as run_seconds,
    coalesce(bool_or(run_id in (from publishing)), false) as is_published
from pipeline_runs
