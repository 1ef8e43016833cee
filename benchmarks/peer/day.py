"""The peer's day in a process of its own: `python -m benchmarks.peer.day DATABASE WAREHOUSE RUN_DATE TIMES`.

The warehouse gives the settings and the fitted rankers, nothing else. Writes the seconds of each stage as JSON.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from benchmarks.peer.candidates import candidate_pool
from benchmarks.peer.features import (
    category_spend,
    customer_features,
    interaction_features,
    offer_features,
    purchases_of_offers,
    redemption_rates,
    typical_quantities,
    with_cycles,
)
from benchmarks.peer.reading import Reader, connect
from benchmarks.peer.scoring import scored_candidates
from benchmarks.peer.selection import chosen_offers
from benchmarks.peer.tags import recommendations
from metro_assets.config import Settings, load_settings
from metro_assets.ranking.fitting import load_ranker
from metro_assets.storage.models import ModelStore
from metro_assets.vocabulary import Algorithm

RESULTS = "peer_"
"""Prefix of the tables that the peer writes beside the sources."""
WEEK_DAYS = 7


@dataclass
class Timing:
    """A stretch of a stage: epoch seconds, and the seconds of it that went into writing tables."""

    stage: str
    start: float
    end: float = 0.0
    writing_seconds: float = 0.0


def make_day(database: sqlite3.Connection, settings: Settings, run_date: date) -> list[Timing]:
    """Everything from features to the ten offers, written into the database; stages may come in several stretches."""
    timings: list[Timing] = []
    read, features = Reader(database, run_date), settings.features
    window = features.window_days

    @contextmanager
    def stage(name: str) -> Iterator[Timing]:
        timings.append(Timing(name, time.time()))
        yield timings[-1]
        timings[-1].end = time.time()

    def write(table: str, rows: pd.DataFrame, timing: Timing) -> None:
        started = time.time()
        rows.to_sql(RESULTS + table, database, if_exists="replace", index=False)
        database.commit()
        timing.writing_seconds += time.time() - started

    with stage("features") as timing:
        customers, products = read.customers(), read.products()
        offers, offer_products = read.offers(products), read.offer_products()
        bought = with_cycles(read.customer_products(window))
        quantities = typical_quantities(read.log_quantities(window))
        write("customer_products", bought, timing)
        spend = category_spend(bought, products)
        of_customers = customer_features(customers, read.visits(window), spend, run_date)
        write("customer_features", of_customers, timing)
        rates = redemption_rates(
            read.event_counts("impressions", window),
            read.event_counts("redemptions", window, "impression_id is not null"),
            features,
        )
        of_offers = offer_features(offers, offer_products, products, quantities, rates, run_date, features)
        write("offer_features", of_offers, timing)
        purchases = purchases_of_offers(bought, offer_products)
    with stage("candidates") as timing:
        pool = candidate_pool(
            customers,
            offers,
            read.offer_audience(),
            of_offers,
            purchases,
            spend,
            offer_products,
            read.vectors("product_vectors"),
            read.vectors("customer_vectors"),
            run_date,
            settings.candidates,
        )
        write("candidate_pool", pool, timing)
    with stage("features") as timing:
        of_pairs = interaction_features(
            pool, customers, offers, of_offers, purchases, spend, read.reactions(window), run_date, features
        )
        write("interaction_features", of_pairs, timing)
        del purchases
    with stage("scoring") as timing:
        models = ModelStore(settings.warehouse)
        rankers = {
            str(name): load_ranker(name, models.load(f"{name}_ranker", run_date))
            for name in (Algorithm.LOGISTIC, Algorithm.BOOSTED_TREES)
        }
        scored = scored_candidates(of_pairs, of_customers, of_offers, rankers, settings.engine.threads)
        write("scored_candidates", scored, timing)
        del of_pairs
    with stage("selection") as timing:
        rules = settings.selection
        chosen = chosen_offers(
            scored,
            customers,
            offers,
            read.redeemed_pairs(rules.redemption_days),
            read.overexposed_pairs(WEEK_DAYS - 1, rules.maximum_weekly_exposures),
            rules,
        )
        del scored
        champion = models.champion_at(run_date)
        served = recommendations(
            chosen,
            customers,
            products,
            offers,
            offer_products,
            bought,
            spend,
            of_customers,
            of_offers,
            pool,
            read.web_visits(rules.browse_days),
            champion.version.name.removesuffix("_ranker") if champion else "",
            run_date,
            rules,
        )
        write("recommendations", served, timing)
    return timings


def main(database: str, warehouse: str, run_date: str, times: str) -> None:
    """Make the day and write down what it took."""
    connection = connect(Path(database))
    timings = make_day(connection, load_settings(Path(warehouse)), date.fromisoformat(run_date))
    connection.close()
    Path(times).write_text(json.dumps([asdict(timing) for timing in timings]), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
