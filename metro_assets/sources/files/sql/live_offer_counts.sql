-- offers that hold on each day of the files and were announced before it
with days as (
    select unnest(generate_series(first_day, complete_to, interval 1 day))::date as run_date
    from span
)

select days.run_date, count(*) as offer_count
from days
inner join offers
    on offers.announced_date < days.run_date
    and days.run_date between offers.valid_from_date and offers.valid_to_date
group by days.run_date
