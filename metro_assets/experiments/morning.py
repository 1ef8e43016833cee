"""One run date of one policy, by the functions that the pipeline's assets call; only for the customers who are due.

The pool and the features of the pairs are made for those customers alone: a customer's pool does not depend on who
else is asked (a property under test). What the loop does not need is left out: reasons, price tags, publication, drift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import TypeAlias

import polars as pl

from metro_assets.candidates.market import open_market
from metro_assets.candidates.pool import pool
from metro_assets.config import Features, Settings
from metro_assets.embeddings.baskets import sample_baskets
from metro_assets.embeddings.cold import vectors_of_assortment
from metro_assets.embeddings.customers import vectors_of_customers
from metro_assets.embeddings.product2vec import fit_product2vec, fit_seed
from metro_assets.embeddings.tables import CUSTOMER_SCHEMA, PRODUCT_SCHEMA, arrays_of, table_of
from metro_assets.experiments.next_items import scores_by_network
from metro_assets.experiments.opening import Opening
from metro_assets.features.customers import (
    features_of_customers,
    moments_of_day,
    purchases_by_product,
    spend_at,
)
from metro_assets.features.margins import margins_of_pairs
from metro_assets.features.offers import features_of_offers
from metro_assets.features.pairs import features_of_pairs, sums_at
from metro_assets.features.training import History, Served, examples, examples_as_served
from metro_assets.features.uplift import Trial, uplift_examples_of
from metro_assets.features.windows import known_before
from metro_assets.ranking.examples import with_customer_codes, with_next_item, with_offer_codes
from metro_assets.ranking.protocol import Scorer
from metro_assets.ranking.scoring import score_pool, with_margins
from metro_assets.selection import policies
from metro_assets.selection.rules import WEEK_DAYS, eligible_candidates, judged_candidates
from metro_assets.sql import Relation, dated, on_date, query, stored, values
from metro_assets.storage.models import ModelStore
from metro_assets.vocabulary import (
    CUSTOMER_FEATURES,
    FURTHER_INTERACTION_FEATURES,
    INTERACTION_FEATURES,
    MARGIN_FEATURES,
    NEXT_ITEM_FEATURE,
    Strategy,
)

STATE_TABLES = ("daily_prices", "offers", "offer_products", "offer_audience")
SERVED_TABLES = ("customer_products", "customer_features", "offer_features")
_FEATURES = "metro_assets.features"


Pairs: TypeAlias = Callable[[Opening, Relation], pl.DataFrame]
"""Gives the rows of `scored_candidates` of pairs: customer_id, offer_id and run_date."""


def opened_tables(opening: Opening, knobs: Settings) -> None:
    """Write what is known of customers and offers at the opening of the run date, unless it is there."""
    settings = knobs.features
    window, run_date, warehouse = settings.window_days, opening.run_date, opening.warehouse
    customers, products = opening.whole("customers"), opening.whole("products")
    order_items = opening.days("order_items", -window, -1)

    def keep(table: str, rows: Relation | pl.DataFrame) -> None:
        warehouse.write(table, run_date, rows, opening.connection)

    if not warehouse.exists("customer_products", run_date):
        keep("customer_products", dated(purchases_by_product(order_items, customers, run_date, settings), run_date))
    if not warehouse.exists("customer_features", run_date):
        moments = moments_of_day(customers, run_date, settings)
        spend = spend_at(opening.days("customer_products"), products, run_date)
        features = features_of_customers(moments, spend, opening.days("orders", -window, -1))
        keep("customer_features", dated(features.select("customer_id", *CUSTOMER_FEATURES), run_date))
    if not warehouse.exists("offer_features", run_date):
        of_offers = features_of_offers(
            opening.days("offers"),
            opening.days("offers", -window, 0),
            opening.days("offer_products"),
            opening.days("daily_prices"),
            products,
            order_items,
            opening.days("impressions", -window, -1),
            opening.days("redemptions", -window, -1),
            settings,
        )
        keep("offer_features", of_offers.drop("category", "valid_to_date").rename({"as_of_date": "run_date"}))
    if not warehouse.exists("customer_vectors", run_date):
        vectors = arrays_of(opening.days("product_vectors"))
        bought = opening.days("customer_products")
        is_known = len(vectors.product_ids) > 0
        of_customers = vectors_of_customers(bought, vectors, run_date, knobs.embeddings) if is_known else None
        keep("customer_vectors", pl.DataFrame(schema=CUSTOMER_SCHEMA) if of_customers is None else of_customers)


def product_vectors_of(opening: Opening, settings: Settings) -> pl.DataFrame:
    """Vectors of the products by the baskets before the run date, no rows where retrieval does not use them."""
    if Strategy.EMBEDDING not in settings.candidates.strategies:
        return pl.DataFrame(schema=PRODUCT_SCHEMA)
    window, seed = settings.embeddings.window_days, fit_seed(settings.seed, opening.run_date)
    orders, order_items = (opening.days(table, -window, -1) for table in ("orders", "order_items"))
    baskets = sample_baskets(orders, order_items, opening.run_date, settings.embeddings, seed)
    fitted = fit_product2vec(baskets, settings.embeddings, seed)
    if fitted is None:
        return pl.DataFrame(schema=PRODUCT_SCHEMA)
    products: pl.DataFrame = opening.whole("products").pl()
    return table_of(vectors_of_assortment(fitted, products, settings.embeddings.cold_prior_products))


def training_rows(opening: Opening, run_dates: Sequence[date], settings: Features) -> Iterator[tuple[date, Relation]]:
    """Training examples of run dates up to the opening, in one pass over the history."""
    made = stored(examples(_history(opening, len(run_dates), settings), run_dates, settings))
    for run_date in run_dates:
        yield run_date, on_date(made, run_date)


def trial_rows(
    opening: Opening, run_dates: Sequence[date], settings: Settings, seed: int
) -> Iterator[tuple[date, Relation]]:
    """Examples of the randomised trial for run dates up to the opening; of the opening alone, as they were served."""
    count, served = len(run_dates), None
    if list(run_dates) == [opening.run_date]:
        served = Served(*(opening.days(table, -1, -1) for table in SERVED_TABLES))
    trial = Trial(opening.days("assignments", -count, -1), opening.days("offer_audience", -count, -1))
    history = _history(opening, count, settings.features)
    made = stored(uplift_examples_of(history, trial, run_dates, settings.features, settings.uplift, seed, served))
    for run_date in run_dates:
        yield run_date, on_date(made, run_date)


def training_rows_as_served(opening: Opening, settings: Features) -> Relation:
    """Training examples of the run date, from the tables that were served the day before."""
    served = Served(*(opening.days(table, -1, -1) for table in SERVED_TABLES))
    return examples_as_served(_history(opening, 1, settings), served, opening.run_date, settings)


def _history(opening: Opening, days: int, settings: Features) -> History:
    first = -settings.window_days - days
    return History(
        customers=opening.whole("customers"),
        products=opening.whole("products"),
        offers=opening.days("offers", first, -1),
        offer_products=opening.days("offer_products", -days, -1),
        daily_prices=opening.days("daily_prices", -days, -1),
        orders=opening.days("orders", first, -2),
        order_items=opening.days("order_items", first, -2),
        impressions=opening.days("impressions", first, -1),
        redemptions=opening.days("redemptions", first, -2),
    )


def scored_by(policy: str, scorer: Scorer, settings: Settings, models: ModelStore) -> Pairs:
    """Scores of pairs by what a policy has learned.

    Parameters
    ----------
    models : where the network lies that a scorer of purchase sequences reads.
    """

    def scored(opening: Opening, candidates: Relation) -> pl.DataFrame:
        pairs = pair_features(opening, candidates, settings.features)
        if set(MARGIN_FEATURES) & set(scorer.feature_names):
            pairs = with_margins(pairs, _margins(opening, candidates))
        if NEXT_ITEM_FEATURE in scorer.feature_names:
            said = scores_by_network(opening, models, candidates, settings)
            pairs = stored(with_next_item(pairs, opening.connection.from_arrow(said.to_arrow())))
        return score_pool(
            {policy: scorer},
            pairs,
            with_customer_codes(opening.days("customer_features"), opening.whole("customers")),
            with_offer_codes(opening.days("offer_features"), opening.days("offers"), opening.days("offer_products")),
            threads=1,
        )

    return scored


def _margins(opening: Opening, candidates: Relation) -> Relation:
    return margins_of_pairs(
        candidates,
        opening.days("offers"),
        opening.days("offer_products"),
        opening.days("offer_features"),
        opening.days("daily_prices"),
        opening.whole("products"),
        opening.days("customer_products"),
    )


def pair_features(opening: Opening, candidates: Relation, settings: Features) -> Relation:
    """The interaction features of candidates, as `interaction_features` has them."""
    customers, run_date = opening.whole("customers"), opening.run_date
    moments = moments_of_day(customers, run_date, settings)
    features = features_of_pairs(
        query(_FEATURES, "candidate_pairs", candidate_pool=candidates),
        moments,
        sums_at(
            run_date,
            moments,
            opening.days("customer_products"),
            opening.days("offer_products"),
            opening.whole("products"),
            customers,
        ),
        known_before(opening.days("redemptions", -settings.window_days, -1), run_date, settings.window_days),
        customers,
        query(
            _FEATURES,
            "described_offers",
            offers=opening.days("offers"),
            offer_features=opening.days("offer_features"),
        ),
        settings,
    )
    return stored(features.select("customer_id", "offer_id", *INTERACTION_FEATURES, *FURTHER_INTERACTION_FEATURES))


def candidates_of(opening: Opening, customer_ids: Sequence[int], settings: Settings) -> Relation:
    """The candidate pool of some customers, as `candidate_pool` has it."""
    market = open_market(
        opening.run_date,
        opening.whole("customers"),
        opening.days("offers"),
        opening.days("offer_products"),
        opening.days("offer_audience"),
        opening.days("offer_features"),
        opening.days("customer_products"),
        opening.whole("products"),
        opening.days("product_vectors"),
        opening.days("customer_vectors"),
    )
    due = pl.DataFrame({"customer_id": customer_ids}, schema={"customer_id": pl.Int32})
    of_due = replace(
        market,
        customer_shelves=stored(query(__package__, "of_due", rows=market.customer_shelves, due=due)),
        listed_offers=stored(query(__package__, "of_due", rows=market.listed_offers, due=due)),
    )
    return stored(dated(pool(of_due, opening.run_date, settings.candidates), opening.run_date))


def score_candidates(
    opening: Opening, candidates: Relation, explored: pl.DataFrame, score: Pairs
) -> tuple[Relation, pl.DataFrame]:
    """Scores of the candidates and of the random slates, as `scored_candidates` has them; and those of the slates.

    Parameters
    ----------
    explored : customer_id, offer_id, position and propensity of the slates that the arm EXPLORATION sees.
    """
    asked = query(
        __package__,
        "asked_pairs",
        candidates=candidates,
        explored=explored,
        parameters=values(run_date=opening.run_date),
    )
    scored = score(opening, stored(asked)).with_columns(pl.col("algorithm").cast(pl.String))
    of_slates = explored.join(
        scored.select("customer_id", "offer_id", "score"), on=["customer_id", "offer_id"], how="left"
    )
    return opening.connection.from_arrow(scored.to_arrow()), of_slates.sort("customer_id", "position")


def choose(
    opening: Opening, candidates: Relation, scored: Relation, settings: Settings, seed: int, least_score: float
) -> pl.DataFrame:
    """The slates of the candidates' customers, by customer and rank: offer_id, score and propensity."""
    eligible = query(
        __package__, "of_candidates", scored=scored, candidates=candidates, parameters=values(least_score=least_score)
    )
    judged = judged_candidates(
        stored(eligible),
        opening.days("offers"),
        opening.whole("customers"),
        opening.days("impressions", -WEEK_DAYS + 1, -1),
        opening.days("redemptions", -settings.selection.redemption_days, -1),
        opening.run_date,
        settings.selection,
    )
    chosen: pl.DataFrame = policies.choose(
        eligible_candidates(judged), opening.run_date, settings.selection, seed, threads=1
    ).pl()
    return chosen.select("customer_id", "rank", "offer_id", "score", "propensity").sort("customer_id", "rank")
