-- one row per customer and algorithm with too few offers, and the first reason that explains it
with
algorithms as (
    select algorithm from recommendations
    union
    select algorithm from judged
),

expected as (
    select
        customers.customer_id,
        algorithms.algorithm,
        (
            customers.has_email_consent or customers.has_sms_consent or customers.has_whatsapp_consent
        ) is not false as has_consent
    from customers, algorithms, parameters
    where customers.registered_date < parameters.run_date
),

given as (
    select customer_id, algorithm, count(*) as recommended_count
    from recommendations
    group by customer_id, algorithm
),

short as (
    select
        expected.customer_id,
        expected.algorithm,
        expected.has_consent,
        coalesce(given.recommended_count, 0) as recommended_count
    from expected
    left join given on expected.customer_id = given.customer_id and expected.algorithm = given.algorithm
    inner join parameters on coalesce(given.recommended_count, 0) < parameters.slate_size
),

candidates as (
    select
        judged.customer_id,
        judged.algorithm,
        count(*) as candidate_count,
        count(*) filter (judged.barrier = 'ALREADY_REDEEMED') as redeemed_count,
        count(*) filter (judged.barrier = 'EXPOSURE_LIMIT') as overexposed_count
    from judged
    semi join short on judged.customer_id = short.customer_id
    group by judged.customer_id, judged.algorithm
)

select
    short.customer_id,
    short.algorithm,
    short.recommended_count::smallint as recommended_count,
    case
        when not short.has_consent then 'NO_CONSENT'
        when candidates.candidate_count is null then 'NO_CANDIDATES'
        when candidates.candidate_count < parameters.slate_size then 'TOO_FEW_CANDIDATES'
        when candidates.candidate_count - candidates.redeemed_count < parameters.slate_size then 'ALREADY_REDEEMED'
        when
            candidates.candidate_count - candidates.redeemed_count - candidates.overexposed_count
            < parameters.slate_size
            then 'EXPOSURE_LIMIT'
        else 'CATEGORY_LIMIT'
    end as reason
from short
cross join parameters
left join candidates on short.customer_id = candidates.customer_id and short.algorithm = candidates.algorithm
