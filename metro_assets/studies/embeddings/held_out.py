"""The knobs of Product2Vec tried on baskets of a week that no fit has seen, before anything that is reported."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from metro_assets.config import Embeddings
from metro_assets.embeddings.baskets import Baskets, sample_baskets
from metro_assets.embeddings.product2vec import Product2Vec, fit_product2vec, fit_seed
from metro_assets.studies.embeddings.day import Shop

HELD_OUT_DAYS = 7
HELD_OUT_BASKETS = 1_500
SMALLEST_BASKET = 6
CUTOFF = 20
POPULARITY_WEIGHT = 0.75
TRIED_BASKETS = 10_000
"""A quarter of what a morning learns from, for the sake of time."""
TRIES: dict[str, dict[str, Any]] = {
    "default": {},
    "context 2": {"context_products": 2},
    "context 20": {"context_products": 20},
    "threshold 1e-4": {"sampling_threshold": 1e-4},
    "never seen less often": {"sampling_threshold": 0.0},
    "32 dimensions": {"dimensions": 32},
    "6 passes": {"epochs": 6},
}


def try_settings(shop: Shop, run_date: date) -> Iterator[dict[str, Any]]:
    """Recall@20 of the second half of held-out baskets given the first, try by try.

    Fitted on what was known at the run date, held out: baskets of the week from it.
    """
    held = _held_out(shop, run_date)
    few = shop.settings.embeddings.model_copy(update={"maximum_baskets": TRIED_BASKETS})
    baskets = replace(shop, settings=shop.settings.model_copy(update={"embeddings": few})).baskets(run_date)
    for name, changed in TRIES.items():
        started = time.process_time()
        fitted = fit_product2vec(baskets, few.model_copy(update=changed), fit_seed(shop.settings.seed, run_date))
        seconds = time.process_time() - started
        if fitted is not None:
            yield {"try": name, "cpu_seconds": seconds} | recalls(fitted, held)


def recalls(fitted: Product2Vec, held: Baskets) -> dict[str, float]:
    """Mean recall@20 over baskets of popularity, the in-out product, and both."""
    place = {product: row for row, product in enumerate(fitted.product_ids.tolist())}
    popularity = np.log(fitted.basket_counts / fitted.basket_counts.sum())
    found: dict[str, list[float]] = {"popularity": [], "in_out": [], "both": []}
    for basket in held:
        rows = [place[product] for product in basket if product in place]
        if len(rows) < SMALLEST_BASKET:
            continue
        given, wanted = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        odds = fitted.context_vectors @ fitted.vectors[given].mean(axis=0)
        scores = {"popularity": popularity, "in_out": odds, "both": odds + POPULARITY_WEIGHT * popularity}
        for name, score in scores.items():
            others = score.astype(np.float64)
            others[given] = -np.inf
            best = np.argsort(-others, kind="stable")[:CUTOFF]
            found[name].append(len(np.intersect1d(best, wanted)) / min(CUTOFF, len(wanted)))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _held_out(shop: Shop, run_date: date) -> Baskets:
    end = run_date + timedelta(days=HELD_OUT_DAYS)
    settings = Embeddings(window_days=HELD_OUT_DAYS, maximum_baskets=HELD_OUT_BASKETS)
    last = end - timedelta(days=1)
    orders, items = shop.read("orders", run_date, last), shop.read("order_items", run_date, last)
    return sample_baskets(orders, items, end, settings, fit_seed(shop.settings.seed, end))
