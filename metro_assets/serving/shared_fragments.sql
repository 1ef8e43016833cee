select
    (offer_id::bigint << 32) | product_id as shared_key,
    any_value(substr(to_json({
        'offer_id': offer_id,
        'offer_name': offer_name,
        'mechanic': mechanic,
        'category': category,
        'valid_to_date': valid_to_date,
        'product_id': product_id,
        'product_name': product_name,
        'unit': unit,
        'base_price_ron': base_price_ron,
        'tier2_quantity': tier2_quantity,
        'tier2_price_ron': tier2_price_ron,
        'tier3_quantity': tier3_quantity,
        'tier3_price_ron': tier3_price_ron
    })::varchar, 2)) as shared
from recommendations
where algorithm = $algorithm
    and ($ids::integer[] is null or customer_id in (select unnest($ids::integer[])))
group by offer_id, product_id
order by shared_key
