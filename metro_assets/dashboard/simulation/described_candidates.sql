-- candidates with everything that was computed of them, for every algorithm that is asked for
select
    pool.* exclude (run_date),
    pairs.* exclude (customer_id, offer_id),
    of_customer.* exclude (customer_id),
    of_offers.* exclude (offer_id, run_date),
    judged.score,
    judged.value_ron,
    judged.log_odds_sd,
    judged.barrier
from pool
inner join pairs using (customer_id, offer_id)
inner join of_customer using (customer_id)
inner join of_offers using (offer_id)
left join judged using (customer_id, offer_id)
order by pool.offer_id
