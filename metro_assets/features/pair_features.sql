-- the features of a customer and an offer at a moment
with customer_totals as (
    select
        customer_id,
        as_of_date,
        sum(net_ron)::double as net_ron,
        sum(offer_ron)::double as offer_ron
    from spend
    group by customer_id, as_of_date
),

segment_totals as (
    select
        segment,
        as_of_date,
        sum(net_ron)::double as net_ron,
        sum(offer_ron)::double as offer_ron
    from segment_spend
    group by segment, as_of_date
),

segment_shares as (
    select
        segment_spend.segment,
        segment_spend.as_of_date,
        segment_spend.category,
        segment_spend.net_ron::double / segment_totals.net_ron as share
    from segment_spend
    inner join segment_totals using (segment, as_of_date)
    where segment_spend.net_ron > 0
),

segment_depths as (
    select
        segment_reactions.segment,
        segment_reactions.as_of_date,
        segment_reactions.discount_ron::double
        / nullif(segment_reactions.discount_ron::double + coalesce(segment_totals.offer_ron, 0), 0) as depth
    from segment_reactions
    left join segment_totals using (segment, as_of_date)
),

owners as (
    select distinct
        pairs.customer_id,
        pairs.as_of_date,
        customers.segment
    from pairs
    inner join customers using (customer_id)
),

wanted_depths as (
    select
        owners.customer_id,
        owners.as_of_date,
        owners.segment,
        coalesce(customer_totals.net_ron, 0) as net_ron,
        case
            when reactions.redemption_count is null then segment_depths.depth
            else (
                reactions.redemption_count * coalesce(
                    reactions.discount_ron::double
                    / nullif(reactions.discount_ron::double + coalesce(customer_totals.offer_ron, 0), 0),
                    segment_depths.depth
                )
                + parameters.depth_prior_redemptions * segment_depths.depth
            ) / (reactions.redemption_count + parameters.depth_prior_redemptions)
        end as depth
    from owners
    cross join parameters
    left join customer_totals using (customer_id, as_of_date)
    left join reactions using (customer_id, as_of_date)
    left join segment_depths using (segment, as_of_date)
)

select
    pairs.customer_id,
    pairs.offer_id,
    pairs.as_of_date,
    (purchases.purchase_count is not null)::integer::float as bought_before,
    (
        case
            when offer_features.category <> 'UNKNOWN'
                then coalesce(
                    (coalesce(spend.net_ron, 0)::double + parameters.affinity_prior_ron * segment_shares.share)
                    / ((wanted_depths.net_ron + parameters.affinity_prior_ron) * segment_shares.share),
                    1
                )
        end
    )::float as category_affinity_score,
    exp(
        -0.5 * ((offer_features.discount_depth - wanted_depths.depth) / parameters.depth_scale) ** 2
    )::float as price_sensitivity_match,
    case
        when purchases.last_date is not null
            then least(
                (pairs.as_of_date - purchases.last_date)
                / case
                    when purchases.last_date > purchases.first_date and purchases.repeat_count > 1
                        then (purchases.last_date - purchases.first_date)::double / (purchases.repeat_count - 1)
                    else parameters.default_cycle_days
                end,
                parameters.days_since_product_cap
            )
    end::float as days_since_product,
    coalesce(purchases.purchase_count, 0)::float as product_purchases
from pairs
cross join parameters
inner join offer_features using (offer_id, as_of_date)
inner join wanted_depths using (customer_id, as_of_date)
left join purchases using (customer_id, offer_id, as_of_date)
left join spend using (customer_id, as_of_date, category)
left join segment_shares
    on wanted_depths.segment = segment_shares.segment
    and pairs.as_of_date = segment_shares.as_of_date
    and offer_features.category = segment_shares.category
