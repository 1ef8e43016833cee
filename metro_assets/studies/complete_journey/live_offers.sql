-- offers on every day on which they hold
select
    offers.*,
    unnest(generate_series(valid_from_date, valid_to_date, interval 1 day))::date as run_date
from offers
