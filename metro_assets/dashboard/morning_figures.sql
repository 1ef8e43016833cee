-- one row: what a morning served by an algorithm (none named: its champion), and how much was new to its customers
with served as (
    select
        recommendations.customer_id,
        recommendations.offer_id,
        recommendations.algorithm,
        recommendations.score,
        recommendations.expected_margin_ron
    from recommendations, parameters
    where
        case
            when parameters.algorithm = '' then recommendations.is_champion
            else recommendations.algorithm = parameters.algorithm
        end
),

known as (
    select
        count(*) as customer_count,
        (
            select count(*)
            from recommendation_shortfalls
            where algorithm = (select any_value(algorithm) from served)
        ) as shortfall_count
    from customer_features
),

novelty as (
    -- null where the pairs of the morning are not kept
    select avg((interaction_features.bought_before = 0)::tinyint) as never_bought_share
    from served
    inner join interaction_features
        on served.customer_id = interaction_features.customer_id and served.offer_id = interaction_features.offer_id
),

totals as (
    select
        any_value(algorithm) as algorithm,
        count(distinct customer_id) as customers_served,
        count(*) / nullif(count(distinct customer_id), 0) as offers_per_customer,
        sum(expected_margin_ron) as expected_margin_ron,
        sum(score) as expected_redemptions
    from served
)

select
    totals.algorithm,
    totals.customers_served::double as customers_served,
    totals.offers_per_customer::double as offers_per_customer,
    totals.customers_served / nullif(known.customer_count, 0) as coverage_share,
    totals.expected_margin_ron::double as expected_margin_ron,
    -- the order of retrieval has no probabilities
    case when totals.algorithm <> parameters.unranked then totals.expected_redemptions::double end as expected_redemptions,
    novelty.never_bought_share,
    known.shortfall_count::double as shortfall_count
from totals, known, novelty, parameters
