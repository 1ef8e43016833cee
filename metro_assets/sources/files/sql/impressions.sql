-- offers shown; what a customer was shown on a day is one list where the files name none
select
    given.shown_at::date as run_date,
    case
        when given.impression_id is null then bits_of(concat_ws('|', given.customer_id, given.offer_id, given.shown_at))
        else number_of_impression(given.impression_id)
    end as impression_id,
    case
        when given.slate_id is null then bits_of(concat_ws('|', given.customer_id, given.shown_at::date))
        else number_of_slate(given.slate_id)
    end as slate_id,
    customers.id as customer_id,
    offers.id as offer_id,
    given.shown_at,
    given.channel,
    given.position,
    coalesce(given.policy, 'unknown') as policy,
    given.propensity,
    coalesce(given.recorded_date, given.shown_at::date) as recorded_date
from typed_impressions as given
inner join ids_of_customers as customers on given.customer_id = customers.source_id
inner join ids_of_offers as offers on given.offer_id = offers.source_id
order by run_date, impression_id
