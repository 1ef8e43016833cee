-- offers that hold on a date and were announced before it
select * exclude (announced_date)
from offers
where announced_date < $run_date and $run_date between valid_from_date and valid_to_date
order by offer_id
