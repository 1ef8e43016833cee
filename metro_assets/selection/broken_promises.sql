-- one row: how often each promise is broken
with
algorithms as (
    select algorithm from recommendations
    union
    select algorithm from recommendation_shortfalls
),

slates as (
    select
        customer_id,
        algorithm,
        count(*) as offer_count,
        max(rank) as last_rank,
        count(distinct rank) as distinct_rank_count,
        count(distinct offer_id) as distinct_offer_count
    from recommendations
    group by customer_id, algorithm
),

unserved as (
    select customers.customer_id, algorithms.algorithm
    from customers
    cross join algorithms
    cross join parameters
    left join slates on customers.customer_id = slates.customer_id and algorithms.algorithm = slates.algorithm
    left join recommendation_shortfalls as shortfalls
        on customers.customer_id = shortfalls.customer_id and algorithms.algorithm = shortfalls.algorithm
    where
        customers.registered_date < parameters.run_date
        and coalesce(slates.offer_count, 0) < parameters.slate_size
        and (
            shortfalls.customer_id is null
            or shortfalls.recommended_count <> coalesce(slates.offer_count, 0)
        )
),

expired as (
    select recommendations.offer_id
    from recommendations
    cross join parameters
    left join offers on recommendations.offer_id = offers.offer_id
    where
        offers.offer_id is null
        or parameters.run_date not between offers.valid_from_date and offers.valid_to_date
),

crowded as (
    select recommendations.customer_id
    from recommendations
    cross join parameters
    where recommendations.category <> 'UNKNOWN'
    group by recommendations.customer_id, recommendations.algorithm, recommendations.category
    having count(*) > any_value(parameters.maximum_per_category)
),

out_of_order as (
    select earlier.customer_id
    from recommendations as earlier
    inner join recommendations as later
        on
            earlier.customer_id = later.customer_id
            and earlier.algorithm = later.algorithm
            and earlier.rank + 1 = later.rank
    -- uplift orders by money
    where earlier.score < later.score and earlier.algorithm <> 'uplift'
)

select
    (select count(*) from unserved) as every_customer_is_served,
    (select count(*) from expired) as no_offer_is_expired,
    (select count(*) from crowded) as categories_are_capped,
    (
        select count(*)
        from slates
        cross join parameters
        where
            last_rank <> offer_count
            or distinct_rank_count <> offer_count
            or distinct_offer_count <> offer_count
            or offer_count > parameters.slate_size
    )
    + (select count(*) from out_of_order) as ranks_are_dense,
    (
        select (count(*) > 0 and count(distinct algorithm) filter (is_champion) <> 1)::integer
        from recommendations
    ) as champion_is_one
