-- examples with what the customer did of the offer's products within the horizon, as far as it is known at the run date:
-- bought, redeemed the offer, and the margin that the lines earned, supplier funding included
with known_lines as (
    select
        order_items.run_date,
        order_items.order_id,
        order_items.customer_id,
        order_items.product_id,
        order_items.quantity::double as quantity,
        order_items.net_ron::double as net_ron
    from order_items
    cross join parameters
    where order_items.run_date < parameters.run_date
        and order_items.recorded_date < parameters.run_date
        and order_items.customer_id in (select customer_id from examples)
        and order_items.product_id in (select product_id from offer_products)
),

costs as (
    select
        days.run_date,
        products.product_id,
        coalesce(daily_prices.cost_ron, products.cost_ron)::double as cost_ron
    from (select distinct run_date from known_lines) as days
    cross join products
    left join daily_prices on days.run_date = daily_prices.run_date and products.product_id = daily_prices.product_id
),

terms as (
    select
        offers.offer_id,
        any_value(offers.benefit) as benefit,
        any_value(coalesce(offers.funding_share, 0)) as funding_share,
        any_value(gifts.cost_ron)::double as gift_cost_ron
    from offers
    left join products as gifts on offers.gift_product_id = gifts.product_id
    group by offers.offer_id
),

reductions as (
    select
        redemptions.order_id,
        redemptions.product_id,
        any_value(terms.benefit) as benefit,
        any_value(terms.funding_share) as funding_share,
        any_value(terms.gift_cost_ron) as gift_cost_ron,
        sum(redemptions.discount_ron)::double as discount_ron
    from redemptions
    inner join terms using (offer_id)
    cross join parameters
    where redemptions.run_date < parameters.run_date and redemptions.recorded_date < parameters.run_date
    group by redemptions.order_id, redemptions.product_id
),

-- a gift is worth its price to the customer and its cost to the company
earning_lines as (
    select
        known_lines.*,
        known_lines.net_ron - costs.cost_ron * known_lines.quantity + coalesce(
            case
                when reductions.benefit = 'GIFT'
                    then reductions.discount_ron - (1 - reductions.funding_share) * reductions.gift_cost_ron
                else reductions.funding_share * reductions.discount_ron
            end,
            0
        ) as margin_ron
    from known_lines
    inner join costs using (run_date, product_id)
    left join reductions using (order_id, product_id)
),

sets as (
    select distinct offer_id, product_id
    from offer_products
),

redeemed as (
    select distinct examples.run_date, examples.customer_id, examples.offer_id
    from examples
    cross join parameters
    inner join redemptions
        on examples.customer_id = redemptions.customer_id
        and examples.offer_id = redemptions.offer_id
        and redemptions.run_date >= examples.shown_date
        and redemptions.run_date < examples.shown_date + parameters.horizon_days::integer
        and redemptions.run_date < parameters.run_date
        and redemptions.recorded_date < parameters.run_date
),

outcomes as (
    select
        examples.run_date,
        examples.customer_id,
        examples.offer_id,
        sum(earning_lines.margin_ron) as margin_ron,
        count(*) - count(earning_lines.margin_ron) as unknown_count
    from examples
    inner join sets on examples.offer_id = sets.offer_id
    inner join earning_lines
        on examples.customer_id = earning_lines.customer_id
        and sets.product_id = earning_lines.product_id
        and earning_lines.run_date >= examples.shown_date
        and earning_lines.run_date < examples.shown_date + (select horizon_days::integer from parameters)
    group by examples.run_date, examples.customer_id, examples.offer_id
)

select
    examples.*,
    (outcomes.offer_id is not null or redeemed.offer_id is not null)::utinyint as is_bought,
    (redeemed.offer_id is not null)::utinyint as is_redeemed,
    case when outcomes.unknown_count > 0 then null else coalesce(outcomes.margin_ron, 0) end as margin_ron
from examples
left join outcomes using (run_date, customer_id, offer_id)
left join redeemed using (run_date, customer_id, offer_id)
