-- Entropy (nats) of a customer's spend over categories: one row.
with spent as (
    select customer_id, category, sum(net_ron)::double as net_ron
    from pairs join products using (product_id)
    group by customer_id, category
),
shares as (
    select customer_id, net_ron / sum(net_ron) over (partition by customer_id) as share from spent where net_ron > 0
),
entropies as (
    select customer_id, -sum(share * ln(share)) as entropy from shares group by customer_id
)
select quantile_cont(entropy, [0.05, 0.5, 0.95]) as entropy from entropies;
