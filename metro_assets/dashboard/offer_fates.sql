-- one row per offer that was somebody's candidate: what became of it, and how far the outranked ones were from a slate
select
    offer_id,
    count(*) as candidate_count,
    count(*) filter (fate = 'SERVED') as served_count,
    count(*) filter (fate = 'OUTRANKED') as outranked_count,
    count(*) filter (fate = 'CATEGORY_LIMIT') as category_limit_count,
    count(*) filter (fate = 'ALREADY_REDEEMED') as already_redeemed_count,
    count(*) filter (fate = 'EXPOSURE_LIMIT') as exposure_limit_count,
    count(*) filter (fate = 'NO_CONSENT') as no_consent_count,
    median(place) filter (fate = 'OUTRANKED') as median_place,
    median(gap) filter (fate = 'OUTRANKED') as median_gap
from fates
group by offer_id
order by offer_id
