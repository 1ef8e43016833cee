-- one row per offer and range of scores, each twice as wide as the one below it: candidates, and those that got it
select
    offer_id,
    least(floor(-log2(greatest(score, 1e-9))), (select last_halving from parameters))::integer as halvings,
    count(*) as candidate_count,
    count(*) filter (fate = 'SERVED') as served_count
from fates
group by offer_id, halvings
order by offer_id, halvings
