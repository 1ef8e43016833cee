-- Visits and lines of each day: one row per day.
select run_date, count(*) as visits, sum(line_count) as lines
from orders
group by run_date
order by run_date;
