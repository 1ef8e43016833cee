"""Orders of all products by what a customer buys next, judged week by week on the same customers.

The networks learn from what was known on the first morning of the week before the tests; half-life and weights are
chosen on that week; each test week is foreseen with the purchases known on its first morning, and decides nothing.
Customers come in blocks, for an order of tens of thousands of products is a large row.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.config import Evaluation, Sequences
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.sequences.baskets import (
    Baskets,
    Integers,
    baskets_between,
    baskets_to_learn_from,
    day_number,
)
from metro_assets.sequences.judging import (
    Flags,
    Floats,
    best_products,
    bought_between,
    global_popularity,
    next_baskets,
    next_item_metrics,
    personal_frequency,
)
from metro_assets.sql import Relation

WEEK = timedelta(days=7)
HALF_LIVES_DAYS = (7.0, 14.0, 28.0, 56.0, 112.0)
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the logarithm of the personal frequency beside a network's log probability."""
POPULARITY_DAYS = 28
NEVER_BOUGHT = 0.05
"""Added to the purchases in the logarithm, so that of what was never bought it is finite."""
UNKNOWN = -1e3
"""Log probability of what a network never saw sold: after everything else."""
NETWORKS = ("sasrec", "bert4rec")
AGAINST = {"all products": "personal frequency", "never bought before": "popularity"}
"""Populations of products, and the order that each difference is taken to."""
Scores = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Week:
    """A week to foresee: what was known on its first morning and what was bought in it, by place in the catalogue."""

    known: Baskets
    coming: Baskets
    """Of the week and of these customers."""
    customers: Integers
    """With a basket known and one in the week, ascending."""
    products: int
    moment: int
    popularity: Floats
    """Lines of all customers in the four weeks before, [products]."""

    @cached_property
    def next_basket(self) -> Flags:
        """What each customer bought on its first day in the week, [customers, products]."""
        return next_baskets(self.coming, self.customers, self.products, self.moment, self.moment + WEEK.days)

    @cached_property
    def whole_week(self) -> Flags:
        """What each customer bought in the week, [customers, products]."""
        return bought_between(self.coming, self.customers, self.products, self.moment, self.moment + WEEK.days)

    @cached_property
    def is_new(self) -> Flags:
        """What a customer had not bought in the history, [customers, products]."""
        return ~bought_between(self.known, self.customers, self.products, 0, self.moment)

    @cached_property
    def frequency(self) -> Floats:
        """Baskets of the history with the product, [customers, products]."""
        return personal_frequency(self.known, self.customers, self.products, self.moment)

    @cached_property
    def log_frequency(self) -> Floats:
        """Logarithm of the frequency and `NEVER_BOUGHT`, [customers, products]."""
        return np.log(self.frequency + NEVER_BOUGHT)

    def blocks(self, size: int) -> Iterator[Week]:
        """The week of some customers at a time."""
        for start in range(0, len(self.customers), size):
            customers = self.customers[start : start + size]
            known, coming = (_of(baskets, customers) for baskets in (self.known, self.coming))
            yield replace(self, known=known, coming=coming, customers=customers)


Order = Callable[[Week], Scores]
"""Scores of all products for the customers of a week, [customers, products]."""


@dataclass(frozen=True)
class Choice:
    """What the validation week decided."""

    half_life_days: float
    weights: Mapping[str, float]
    """Of the logarithm of the frequency, per network."""


def judge_next_items(
    order_items: Relation,
    customers: Relation,
    catalogue: Integers,
    test_dates: Sequence[date],
    settings: Sequences,
    evaluation: Evaluation,
    seed: int,
    threads: int,
    tell: Callable[[str], None],
) -> pl.DataFrame:
    """One row per order, target and population, with 95 % intervals over customers and the paired difference.

    Parameters
    ----------
    catalogue : numbers of all products, ascending; every order is one of all of them.
    test_dates : first days of the weeks that are foreseen, ascending; the week before the first chooses.
    tell : takes a line on how the networks learned and how fast they score.
    """
    cutoff = test_dates[0] - WEEK
    learned = baskets_to_learn_from(order_items, customers, cutoff, settings, seed)
    buyers = (int(learned.customer_id.min()), int(learned.customer_id.max()))
    first_date = cutoff - timedelta(days=settings.history_days)
    coded = baskets_between(order_items, first_date, test_dates[-1] + WEEK, buyers).coded(catalogue)
    networks = {name: _network(name, learned, catalogue, cutoff, settings, seed, threads, tell) for name in NETWORKS}
    chosen = choose(week_to_foresee(coded, cutoff, len(catalogue), settings), networks, settings, evaluation)
    found: dict[tuple[str, str, str], list[Floats]] = defaultdict(list)
    judged = list[Integers]()
    for day in test_dates:
        for block in week_to_foresee(coded, day, len(catalogue), settings).blocks(settings.customers_per_block):
            judged.append(block.customers)
            for name, scores in _orders(block, networks, chosen):
                for target, population, metrics in _metrics(block, scores, evaluation.cutoff):
                    found[name, target, population].append(metrics)
    everything = {key: np.concatenate(parts) for key, parts in found.items()}
    rows = _compared(everything, np.concatenate(judged), evaluation, seed)
    tell(f"{len(np.unique(np.concatenate(judged)))} customers, {len(catalogue)} products")
    return pl.DataFrame(rows)


def choose(week: Week, networks: Mapping[str, Order], settings: Sequences, evaluation: Evaluation) -> Choice:
    """The half-life, and the weight of the frequency beside each network, with the best NDCG@k of the next basket."""
    of_habit: dict[float, list[Floats]] = defaultdict(list)
    of_network: dict[str, dict[float, list[Floats]]] = {name: defaultdict(list) for name in networks}
    for block in week.blocks(settings.customers_per_block):
        for days in HALF_LIVES_DAYS:
            of_habit[days].append(next_item_metrics(_recency(block, days), block.next_basket, evaluation.cutoff).ndcg)
        for name, order in networks.items():
            scores = order(block)
            for weight in WEIGHTS:
                mixed = scores + weight * block.log_frequency
                of_network[name][weight].append(next_item_metrics(mixed, block.next_basket, evaluation.cutoff).ndcg)
    return Choice(_best(of_habit), {name: _best(found) for name, found in of_network.items()})


def _best(found: Mapping[float, Sequence[Floats]]) -> float:
    return max(found, key=lambda knob: float(np.nanmean(np.concatenate(found[knob]))))


def week_to_foresee(coded: Baskets, first_date: date, products: int, settings: Sequences) -> Week:
    """The week from a date on, of those who had bought in the history before it and come."""
    moment = day_number(first_date)
    known = coded.taken(coded.known_at(moment))
    known = known.taken(np.flatnonzero(known.day >= moment - settings.history_days))
    coming = coded.taken(np.flatnonzero((coded.day >= moment) & (coded.day < moment + WEEK.days)))
    customers = np.intersect1d(known.customer_id, coming.customer_id)
    popularity = global_popularity(known, np.zeros(1, dtype=np.int64), products, moment, POPULARITY_DAYS)[0]
    return Week(known, coming, customers, products, moment, popularity)


def _of(baskets: Baskets, customers: Integers) -> Baskets:
    return baskets.taken(np.flatnonzero(np.isin(baskets.customer_id, customers)))


def _network(
    name: str,
    learned: Baskets,
    catalogue: Integers,
    cutoff: date,
    settings: Sequences,
    seed: int,
    threads: int,
    tell: Callable[[str], None],
) -> Order:
    """The fitted network as an order of all products; what it never saw sold comes last."""
    from metro_assets.sequences.fitting import fit_next_item
    from metro_assets.sequences.scoring import next_item_scores

    started = time.process_time()
    fit = fit_next_item(learned, cutoff, settings, seed, threads, name)
    tell(f"{name}: {fit.metadata['metrics']}, {time.process_time() - started:.0f} s of CPU")
    own = np.searchsorted(catalogue, fit.model.catalogue)
    place = np.full(len(catalogue), -1)
    place[own] = np.arange(len(own))

    def scored(week: Week) -> Scores:
        lines = place[week.known.product]
        kept = np.bincount(week.known.basket_of_line[lines >= 0], minlength=len(week.known))
        line_start = np.concatenate([[0], np.cumsum(kept)])
        coded = replace(week.known, line_start=line_start, product=lines[lines >= 0])
        found = np.full((len(week.customers), len(catalogue)), UNKNOWN, dtype=np.float32)
        for block, part in next_item_scores(fit.model, coded, week.customers, week.moment, settings, threads):
            found[block.start : block.start + len(part), own] = part
        return found

    return scored


def _orders(week: Week, networks: Mapping[str, Order], chosen: Choice) -> Iterator[tuple[str, Scores]]:
    """Every order by name, those that need no learning first."""
    days = chosen.half_life_days
    yield "popularity", np.tile(week.popularity, (len(week.customers), 1))
    yield "personal frequency", week.frequency
    yield f"recency-weighted, half-life {days:.0f} days", _recency(week, days)
    for name, order in networks.items():
        scores, weight = order(week), chosen.weights[name]
        yield name, scores
        yield f"{name} + {weight:g} x ln frequency", scores + weight * week.log_frequency


def _recency(week: Week, half_life_days: float) -> Floats:
    return personal_frequency(week.known, week.customers, week.products, week.moment, half_life_days)


def _metrics(week: Week, scores: Scores, cutoff: int) -> Iterator[tuple[str, str, Floats]]:
    """Target, population and NDCG, recall and reciprocal rank, [customers, 3]; NaN where nothing bought counts."""
    for population in AGAINST:
        order = scores if population == "all products" else np.where(week.is_new, scores, -np.inf)
        best = best_products(order, cutoff)
        for target, bought in (("next basket", week.next_basket), ("next 7 days", week.whole_week)):
            counted = bought if population == "all products" else bought & week.is_new
            yield target, population, np.column_stack(next_item_metrics(order, counted, cutoff, best))


def _compared(
    found: Mapping[tuple[str, str, str], Floats], customers: Integers, evaluation: Evaluation, seed: int
) -> Iterator[dict[str, object]]:
    """One row per order, target and population; a customer of several weeks is drawn with all of them."""
    for (name, target, population), metrics in found.items():
        against = AGAINST[population]
        columns = np.column_stack([metrics, metrics[:, 0] - found[against, target, population][:, 0]])
        means = resampled_means(columns, customers, evaluation.bootstrap_samples, seed)
        row: dict[str, object] = {"order": name, "target": target, "population": population, "against": against}
        for place, column in enumerate(("ndcg_at_10", "recall_at_10", "mrr", "difference")):
            low, high = interval(means[:, place])
            row |= {column: float(np.nanmean(columns[:, place])), f"{column}_lower": low, f"{column}_upper": high}
        yield {**row, "customer_weeks": int((~np.isnan(metrics[:, 0])).sum())}
