"""One customer's morning: the functions that the pipeline's assets call, on a history that may be another than it was.

Features, candidates, scores and slate come from the stages; what belongs to everybody comes from `everybody`. An
unchanged history gives the published slate, feature by feature and score by score (a test).
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np
import polars as pl
from duckdb import ColumnExpression, ConstantExpression

from metro_assets.candidates.market import open_market
from metro_assets.candidates.pool import pool
from metro_assets.dashboard.simulation.everybody import Everybody, Opening
from metro_assets.dashboard.simulation.history import History
from metro_assets.dashboard.simulation.scorers import NextItem, Scoring
from metro_assets.embeddings.customers import vectors_of_customers
from metro_assets.embeddings.tables import CUSTOMER_SCHEMA
from metro_assets.features.customers import features_of_customers, moments_of_day, purchases_by_product, spend_at
from metro_assets.features.margins import margins_of_pairs
from metro_assets.features.pairs import Reactions, WindowSums, features_from_sums
from metro_assets.features.windows import known_before
from metro_assets.ranking.examples import with_customer_codes, with_next_item
from metro_assets.ranking.scoring import retrieval_order, score_pool, with_margins
from metro_assets.selection.policies import choose
from metro_assets.selection.price_tags import Trade, facts_of_tags, recommendations_with_tags
from metro_assets.selection.rules import eligible_candidates, judged_candidates, shortfalls
from metro_assets.selection.slates import RECOMMENDATION_COLUMNS
from metro_assets.sql import Relation, dated, few_rows_on, query, stored
from metro_assets.vocabulary import (
    CUSTOMER_FEATURES,
    FURTHER_INTERACTION_FEATURES,
    INTERACTION_FEATURES,
    MARGIN_FEATURES,
    NEXT_ITEM_FEATURE,
)

_FEATURES = "metro_assets.features"


@dataclass(frozen=True)
class Morning:
    """What a customer would be offered, and everything that led to it."""

    features: dict[str, float | None]
    """The eight customer features."""
    bought: pl.DataFrame
    """As `customer_products` has it."""
    candidates: pl.DataFrame
    """One row per candidate: ranks by strategy, every feature, score, value_ron, and the rule that forbids it."""
    slate: pl.DataFrame
    """As `recommendations` has it."""
    shortfall: str | None
    """Why there are fewer offers than a slate has."""
    milliseconds: dict[str, float]
    """Time of each step."""


class _Clock:
    """Milliseconds since the last look."""

    def __init__(self) -> None:
        self._last = perf_counter()
        self.found: dict[str, float] = {}

    def stop(self, name: str) -> None:
        now = perf_counter()
        self.found[name] = (now - self._last) * 1e3
        self._last = now


def simulated_morning(everybody: Everybody, history: History, scoring: Scoring) -> Morning:
    """The morning of a customer with this history, scored by one algorithm."""
    settings, run_date, clock = everybody.settings, everybody.run_date, _Clock()
    with everybody.opening() as opening, few_rows_on(opening.cursor):
        customer = opening.rows(history.customer)
        bought = stored(
            dated(purchases_by_product(opening.rows(history.lines), customer, run_date, settings.features), run_date)
        )
        moments = stored(moments_of_day(customer, run_date, settings.features))
        spend = stored(spend_at(bought, opening.table("products"), run_date))
        of_customer = stored(
            features_of_customers(moments, spend, opening.rows(history.orders)).select(
                "customer_id", *CUSTOMER_FEATURES
            )
        )
        clock.stop("customer")
        candidates = _candidates(everybody, opening, customer, bought)
        clock.stop("candidates")
        pairs = _pairs(everybody, opening, history, customer, moments, bought, spend, candidates)
        clock.stop("pairs")
        coded = stored(with_customer_codes(of_customer, customer))
        scored, pairs = _scored(everybody, opening, history, coded, bought, candidates, pairs, scoring)
        clock.stop("scores")
        redemptions = opening.rows(history.redemptions)
        judged = stored(
            judged_candidates(
                scored,
                opening.table("offers"),
                customer,
                opening.rows(history.impressions),
                redemptions,
                run_date,
                settings.selection,
            )
        )
        chosen = stored(choose(eligible_candidates(judged), run_date, settings.selection, settings.seed, threads=1))
        clock.stop("slate")
        slate = _with_tags(everybody, opening, history, customer, of_customer, bought, candidates, chosen, scoring)
        clock.stop("tags")
        shortfall = None
        if len(slate) < settings.selection.slate_size:
            short = shortfalls(customer, judged, opening.rows(slate), run_date, settings.selection).pl()
            shortfall = short["reason"][0] if len(short) else None
        described = query(
            __package__,
            "described_candidates",
            pool=candidates,
            pairs=pairs,
            of_customer=coded,
            of_offers=opening.table("coded_offers"),
            judged=judged,
        ).pl()
        clock.stop("description")
        return Morning(
            features=next(of_customer.select(*CUSTOMER_FEATURES).pl().iter_rows(named=True), {}),
            bought=bought.pl(),
            candidates=described,
            slate=slate,
            shortfall=shortfall,
            milliseconds=clock.found,
        )


def _candidates(everybody: Everybody, opening: Opening, customer: Relation, bought: Relation) -> Relation:
    """The customer's pool, as `candidate_pool` has it: their own shelf and purchases, everybody's shares of buyers."""
    settings, run_date = everybody.settings, everybody.run_date
    vectors = pl.DataFrame(schema=CUSTOMER_SCHEMA)
    if len(everybody.product_vectors.product_ids) and len(bought):
        vectors = vectors_of_customers(bought, everybody.product_vectors, run_date, settings.embeddings)
    market = open_market(
        run_date,
        customer,
        opening.table("offers"),
        opening.table("offer_products"),
        opening.table("offer_audience"),
        opening.table("offer_features"),
        bought,
        opening.table("products"),
        opening.table("product_vectors"),
        opening.rows(vectors),
        opening.table("segment_offers"),
    )
    return stored(dated(pool(market, run_date, settings.candidates), run_date))


def _pairs(
    everybody: Everybody,
    opening: Opening,
    history: History,
    customer: Relation,
    moments: Relation,
    bought: Relation,
    spend: Relation,
    candidates: Relation,
) -> Relation:
    """The features of the candidates, as `interaction_features` has them."""
    settings, run_date = everybody.settings.features, everybody.run_date
    sums = WindowSums(
        purchases=query(
            _FEATURES,
            "purchases_of_products",
            moments=moments,
            customer_products=bought,
            offer_products=opening.table("offer_products"),
        ),
        spend=spend,
        segment_spend=opening.table("segment_spend"),
    )
    known = known_before(opening.rows(history.redemptions), run_date, settings.window_days)
    features = features_from_sums(
        query(_FEATURES, "candidate_pairs", candidate_pool=candidates),
        sums,
        Reactions(
            reactions=query(_FEATURES, "reactions", redemptions=known, moments=moments),
            segment_reactions=opening.table("segment_reactions"),
        ),
        customer,
        opening.table("described_offers"),
        settings,
    )
    return stored(features.select("customer_id", "offer_id", *INTERACTION_FEATURES, *FURTHER_INTERACTION_FEATURES))


def _scored(
    everybody: Everybody,
    opening: Opening,
    history: History,
    coded: Relation,
    bought: Relation,
    candidates: Relation,
    pairs: Relation,
    scoring: Scoring,
) -> tuple[Relation, Relation]:
    """The scores of the candidates, as `scored_candidates` has them, and what they were computed from."""
    if scoring.scorer is None:
        return stored(retrieval_order(candidates)), pairs
    wanted = scoring.scorer.feature_names
    if scoring.next_item is not None and NEXT_ITEM_FEATURE in wanted:
        signals = _next_item(everybody, opening, history, candidates, scoring.next_item)
        pairs = stored(with_next_item(pairs, signals))
    if set(MARGIN_FEATURES) & set(wanted):
        margins = margins_of_pairs(
            candidates,
            opening.table("offers"),
            opening.table("offer_products"),
            opening.table("offer_features"),
            opening.table("daily_prices"),
            opening.table("products"),
            bought,
        )
        pairs = stored(with_margins(pairs, margins))
    scored = score_pool(
        {scoring.algorithm: scoring.scorer},
        pairs,
        coded,
        opening.table("coded_offers"),
        threads=1,
    )
    return opening.rows(scored.with_columns(pl.col("algorithm").cast(pl.String))), pairs


def _next_item(
    everybody: Everybody, opening: Opening, history: History, candidates: Relation, next_item: NextItem
) -> Relation:
    """What the network of purchase sequences says of the candidates, as `next_item_scores` has it."""
    pairs = candidates.select("customer_id", "offer_id").fetchnumpy()
    sets = opening.table("offer_products").select("offer_id", "product_id").distinct().fetchnumpy()
    scores = next_item(
        opening.rows(history.lines), history.customer_id, pairs, sets, everybody.run_date, everybody.settings.sequences
    )
    return opening.rows(
        pl.DataFrame(
            {
                "customer_id": np.asarray(pairs["customer_id"], dtype=np.int32),
                "offer_id": np.asarray(pairs["offer_id"], dtype=np.int32),
                NEXT_ITEM_FEATURE: pl.Series(scores, dtype=pl.Float32).fill_nan(None),
            }
        )
    )


def _with_tags(
    everybody: Everybody,
    opening: Opening,
    history: History,
    customer: Relation,
    of_customer: Relation,
    bought: Relation,
    candidates: Relation,
    chosen: Relation,
    scoring: Scoring,
) -> pl.DataFrame:
    """The rows of `recommendations` for what was chosen."""
    names = ("products", "daily_prices", "offers", "offer_products", "offer_features")
    tables = {
        **{name: opening.table(name) for name in names},
        "customers": customer,
        "customer_products": bought,
        "customer_features": of_customer,
        "candidate_pool": candidates,
        "web_visits": opening.rows(history.web_visits),
    }
    own_trade = ColumnExpression("business_type") == ConstantExpression(str(history.customer["business_type"][0]))
    trade = Trade(opening.table("trade_buyers").filter(own_trade), opening.table("trade_members"))
    settings, run_date = everybody.settings.selection, everybody.run_date
    facts = facts_of_tags(tables, trade, chosen, run_date)
    rows = recommendations_with_tags(chosen, facts, scoring.champion, settings, run_date)
    return rows.select(RECOMMENDATION_COLUMNS).sort("customer_id", "algorithm", "rank")
