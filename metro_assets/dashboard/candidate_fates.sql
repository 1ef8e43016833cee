-- one row per candidate of an algorithm: its place in the customer's order and what became of it
with
preferred as (
    select
        judged.customer_id,
        judged.offer_id,
        judged.barrier,
        judged.score,
        case when parameters.counts_money then judged.value_ron else judged.score end::double as preference
    from judged, parameters
),

slates as (
    select
        chosen.customer_id,
        count(*) as offer_count,
        min(case when parameters.counts_money then chosen.value_ron else chosen.score end)::double as last_preference
    from chosen, parameters
    group by chosen.customer_id
),

placed as (
    select
        *,
        row_number() over (
            partition by customer_id, barrier is null order by preference desc nulls last, offer_id
        ) as place
    from preferred
)

select
    placed.offer_id,
    placed.score,
    placed.place,
    slates.last_preference - placed.preference as gap,
    case
        when placed.barrier is not null then placed.barrier
        when chosen.offer_id is not null then 'SERVED'
        when slates.offer_count < parameters.slate_size then 'CATEGORY_LIMIT'
        when placed.preference > slates.last_preference and not parameters.explores then 'CATEGORY_LIMIT'
        else 'OUTRANKED'
    end as fate
from placed
cross join parameters
left join chosen on placed.customer_id = chosen.customer_id and placed.offer_id = chosen.offer_id
left join slates on placed.customer_id = slates.customer_id
