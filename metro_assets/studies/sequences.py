"""`python -m metro_assets.studies.sequences --warehouse DIR --date D`: next-item orders of all products, side by side.

The networks learn from what was known two weeks before the date; half-lives and weights are chosen on the week after;
the week before the date is the test, looked at with the same weights and the purchases known on its first morning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import polars as pl
import typer

from metro_assets.config import Engine, Evaluation, Sequences
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.sequences.baskets import (
    Baskets,
    Integers,
    baskets_between,
    baskets_to_learn_from,
    day_number,
)
from metro_assets.sequences.judging import (
    bought_between,
    global_popularity,
    next_baskets,
    next_item_metrics,
    personal_frequency,
)
from metro_assets.storage.tables import Warehouse

SEED = 42
WEEK = timedelta(days=7)
HALF_LIVES_DAYS = (7.0, 14.0, 28.0, 56.0, 112.0)
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the logarithm of the personal frequency beside a network's log probability."""
POPULARITY_DAYS = 28
NEVER_BOUGHT = 0.05
"""Purchases that stand for none in the logarithm."""
NETWORKS = ("sasrec", "bert4rec")
Scores = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Week:
    """A week to foresee: what was known on its first morning and what was bought in it, by place in the catalogue."""

    known: Baskets
    customers: Integers
    """With a basket known and one in the week, ascending."""
    products: int
    moment: int
    next_basket: npt.NDArray[np.bool_]
    whole_week: npt.NDArray[np.bool_]

    @property
    def is_new(self) -> npt.NDArray[np.bool_]:
        """What a customer had not bought in the history, [customers, products]."""
        return ~bought_between(self.known, self.customers, self.products, 0, self.moment)


def main(
    warehouse: Annotated[Path, typer.Option(help="Folder of a warehouse.", exists=True, file_okay=False)],
    run_date: Annotated[datetime, typer.Option("--date", help="The week before it is the test.", formats=["%Y-%m-%d"])],
    output: Annotated[Path, typer.Option(help="The table.")] = Path("docs/sequences.csv"),
    threads: Annotated[int, typer.Option(min=1, help="Threads of DuckDB and torch.")] = 2,
) -> None:
    """Write how well each order foresees the next basket and the next week's products, over the full catalogue."""
    started = time.process_time()
    settings, evaluation = Sequences(), Evaluation()
    store = Warehouse(warehouse, Engine(threads=threads))
    test_date = run_date.date() - WEEK
    with store.connection() as connection:
        items, customers = store.read(connection, "order_items"), store.read(connection, "customers")
        learned = baskets_to_learn_from(items, customers, test_date - WEEK, settings, SEED)
        first_date = test_date - WEEK - timedelta(days=settings.history_days)
        buyers = (int(learned.customer_id.min()), int(learned.customer_id.max()))
        everything = baskets_between(items, first_date, test_date + WEEK, buyers)
        catalogue = np.sort(store.read(connection, "products").select("product_id").fetchnumpy()["product_id"])
    catalogue = catalogue.astype(np.int64)
    validation, test = (
        _week(everything.coded(catalogue), day, len(catalogue), settings) for day in (test_date - WEEK, test_date)
    )
    networks = {name: _network(name, learned, catalogue, test_date - WEEK, settings, threads) for name in NETWORKS}
    half_life = max(HALF_LIVES_DAYS, key=lambda days: _mean_ndcg(validation, _recency(validation, days)))
    rows: list[dict[str, object]] = []
    scores = {
        "popularity": global_popularity(test.known, test.customers, test.products, test.moment, POPULARITY_DAYS),
        "personal frequency": personal_frequency(test.known, test.customers, test.products, test.moment),
        f"recency-weighted, half-life {half_life:.0f} days": _recency(test, half_life),
    }
    for name, score in networks.items():
        of_validation, of_test = score(validation), score(test)
        found = [_mean_ndcg(validation, _mixed(validation, of_validation, weight)) for weight in WEIGHTS]
        weight = WEIGHTS[int(np.argmax(found))]
        scores[name] = of_test
        scores[f"{name} + {weight:g} x ln frequency"] = _mixed(test, of_test, weight)
    for name, order in scores.items():
        rows += [{"order": name, **row} for row in _judged(test, order, scores, evaluation)]
    output.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_csv(output, float_precision=4)
    typer.echo(
        f"{len(test.customers)} customers, {test.products} products; {time.process_time() - started:.0f} s of CPU"
    )


def _week(coded: Baskets, first_date: date, products: int, settings: Sequences) -> Week:
    moment = day_number(first_date)
    known = coded.taken(coded.known_at(moment))
    known = known.taken(np.flatnonzero(known.day >= moment - settings.history_days))
    end = moment + WEEK.days
    comes = coded.customer_id[(coded.day >= moment) & (coded.day < end)]
    customers = np.intersect1d(known.customer_id, comes)
    following = next_baskets(coded, customers, products, moment, end)
    return Week(known, customers, products, moment, following, bought_between(coded, customers, products, moment, end))


def _network(
    name: str, learned: Baskets, catalogue: Integers, cutoff: date, settings: Sequences, threads: int
) -> Callable[[Week], Scores]:
    """The fitted network as an order of all products; what it never saw sold comes last."""
    from metro_assets.sequences.fitting import fit_next_item
    from metro_assets.sequences.scoring import next_item_scores

    started = time.process_time()
    fit = fit_next_item(learned, cutoff, settings, SEED, threads, name)
    metrics = fit.metadata["metrics"]
    typer.echo(f"{name}: {metrics}, {time.process_time() - started:.0f} s of CPU")
    own = np.searchsorted(catalogue, fit.model.catalogue)
    place = np.full(len(catalogue), -1)
    place[own] = np.arange(len(own))

    def scored(week: Week) -> Scores:
        started = time.process_time()
        lines = place[week.known.product]
        kept = np.bincount(week.known.basket_of_line[lines >= 0], minlength=len(week.known))
        coded = Baskets(
            week.known.customer_id,
            week.known.day,
            week.known.known_day,
            np.concatenate([[0], np.cumsum(kept)]),
            lines[lines >= 0],
        )
        found = np.full((len(week.customers), len(catalogue)), -np.inf, dtype=np.float32)
        for block, part in next_item_scores(fit.model, coded, week.customers, week.moment, settings, threads):
            found[block.start : block.start + len(part), own] = part
        rate = len(week.customers) / (time.process_time() - started)
        typer.echo(f"{name}: {rate:.0f} customers scored per second of CPU")
        return np.where(np.isneginf(found), -1e3, found)

    return scored


def _recency(week: Week, half_life_days: float) -> Scores:
    return personal_frequency(week.known, week.customers, week.products, week.moment, half_life_days)


def _mixed(week: Week, log_probability: Scores, weight: float) -> Scores:
    """A network's log probability with the logarithm of the personal frequency."""
    frequency = personal_frequency(week.known, week.customers, week.products, week.moment)
    return log_probability + weight * np.log(frequency + NEVER_BOUGHT)


def _mean_ndcg(week: Week, scores: Scores) -> float:
    return float(np.nanmean(next_item_metrics(scores, week.next_basket, Evaluation().cutoff).ndcg))


def _judged(
    week: Week, scores: Scores, orders: dict[str, Scores], evaluation: Evaluation
) -> Iterator[dict[str, object]]:
    """One row per target and population, with intervals over customers and the paired difference to one order."""
    for target, bought in (("next basket", week.next_basket), ("next 7 days", week.whole_week)):
        for population, counts, against in (
            ("all products", np.ones_like(bought), "personal frequency"),
            ("never bought before", week.is_new, "popularity"),
        ):
            mine, other = (
                next_item_metrics(np.where(counts, order, -np.inf), bought & counts, evaluation.cutoff)
                for order in (scores, orders[against])
            )
            columns = np.column_stack([mine.ndcg, mine.recall, mine.reciprocal_rank, mine.ndcg - other.ndcg])
            means = resampled_means(columns, week.customers, evaluation.bootstrap_samples, SEED)
            row: dict[str, object] = {"target": target, "population": population, "against": against}
            for place, name in enumerate(("ndcg_at_10", "recall_at_10", "mrr", "difference")):
                low, high = interval(means[:, place])
                row |= {name: float(np.nanmean(columns[:, place])), f"{name}_lower": low, f"{name}_upper": high}
            yield {**row, "customers": int((bought & counts).any(axis=1).sum())}


if __name__ == "__main__":
    typer.run(main)
