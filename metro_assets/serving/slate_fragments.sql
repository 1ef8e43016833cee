-- Offers as JSON in two halves, cut where it saves memory: `own` is the customer's, `shared` is the same for everyone
-- to whom the offer is shown with this product. `own` lacks its closing brace, `shared` its opening one.
select
    customer_id,
    left(to_json({
        'rank': rank,
        'score': round(score::double, 6),
        'reason': reason,
        'strategies': strategies,
        'channel': channel,
        'usual_quantity': round(usual_quantity, 3),
        'usual_unit_price_ron': round(usual_unit_price_ron, 4),
        'offer_unit_price_ron': round(offer_unit_price_ron, 4),
        'saving_ron': saving_ron,
        'next_tier_quantity': next_tier_quantity,
        'next_tier_saving_ron': next_tier_saving_ron,
        'expected_margin_ron': expected_margin_ron
    })::varchar, -1) as own,
    (offer_id::bigint << 32) | product_id as shared_key
from recommendations
where algorithm = $algorithm
    and ($ids::integer[] is null or customer_id in (select unnest($ids::integer[])))
order by customer_id, rank
