"""Daily personalised offers for B2B wholesale: a Dagster asset graph over DuckDB files.

The pipeline, in flow order; a folder is a stage is a Dagster group, a table is an asset is a function:

    sources      customers, products; daily_prices, offers, offer_products, offer_audience (what holds on the date);
                 orders, order_items, assignments, impressions, redemptions, web_visits (what happened on the date)
    features     customer_products, customer_features, offer_features, training_examples, uplift_examples,
                 interaction_features, candidate_margins
    embeddings   product2vec, product_vectors, customer_vectors
    candidates   candidate_pool
    sequences    next_item_model, next_item_scores, next_item_examples
    ranking      bandit_posterior, sampled_examples; <algorithm>_ranker of each algorithm; champion, scored_candidates
    selection    recommendations, recommendation_shortfalls
    serving      published_recommendations
    monitoring   drift_log, pipeline_runs
    evaluation   evaluation_metrics, policy_estimates, point_in_time_canaries, promotion_gates

Beside the stages: `config` (every knob), `vocabulary` (the words), `pricing` (what a buyer pays), `draws` (chance by
hash), `storage` (tables and models on disk, with the contract in `storage/schema.sql`), `orchestration` (Dagster
wiring), `definitions`, `cli`, `studies` (the stages' functions measured on third-party data; nobody imports it),
`experiments` (the twin: policies judged in closed loop) and `dashboard` (pages over what was published), which only the
command imports.

Time is one rule: the run for a date knows what was recorded strictly before that date, and nothing else.
"""

import os

# Threads of LightGBM and torch that wait for each other by spinning cost three times the time where other work runs
# beside them; it is read when their library is loaded, so it is said before anything else.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
