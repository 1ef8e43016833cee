"""`python -m metro_assets.studies.bandit --warehouse DIR --run-date DATE`: prints the tables of docs/bandit.md."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer
from scipy.special import expit

from metro_assets.config import load_settings
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.metrics import Floats, auc, list_metrics
from metro_assets.ranking.bayesian_logistic import BayesianLogisticRanker
from metro_assets.ranking.examples import Examples, with_customer_codes, with_offer_codes
from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.ranking.scoring import score_pool
from metro_assets.ranking.settled import belief_from
from metro_assets.selection.rules import WEEK_DAYS, eligible_candidates, judged_candidates
from metro_assets.selection.thompson import choose_by_sampling
from metro_assets.sql import stored
from metro_assets.storage.tables import Warehouse
from metro_assets.studies.bandit.history import History, until
from metro_assets.vocabulary import RANKING_FEATURES

CUTOFF = 10
TRIED = ((32, 3), (32, 10), (128, 3))
"""Sampled slates and exploration budgets that are compared."""


def main(
    warehouse: Annotated[Path, typer.Option(help="Warehouse to read; nothing is written to it.", exists=True)],
    run_date: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Run date of the windows and of the pool.")],
) -> None:
    """Measure the belief as an order, what waiting for rewards costs, and how much the policy explores."""
    settings = load_settings(warehouse)
    store = Warehouse(settings.warehouse, settings.engine)
    with store.connection() as connection, pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200):
        history = History.read(store, connection, settings, run_date.date())
        typer.echo(order(history))
        typer.echo(policy(history))
        typer.echo(waiting(history))


def order(history: History) -> pl.DataFrame:
    """Metrics of the belief's mean and of the logistic regression, both fitted on the train window."""
    ranking, seed = history.settings.ranking, history.settings.seed
    train = history.between(*history.windows.train)
    named = replace(train, features=train.features[:, : len(RANKING_FEATURES)], feature_names=RANKING_FEATURES)
    logistic = LogisticRanker.fit(named, None, ranking, seed, 1)
    belief = BayesianLogisticRanker.fit(train, None, ranking, seed, 1)
    rows = []
    for window in ("validation", "test"):
        part = history.between(*getattr(history.windows, window))
        top = np.ones(len(part), dtype=np.float32)
        base = logistic.raw_scores(part.features[:, : len(RANKING_FEATURES)], top, 1)
        rows.append({"window": window, "order": "logistic", **_judged(part, base, base, seed)})
        rows.append(
            {"window": window, "order": "belief", **_judged(part, belief.raw_scores(part.features, top, 1), base, seed)}
        )
    return pl.DataFrame(rows)


def waiting(history: History) -> pl.DataFrame:
    """The test window, each day scored by the belief of that day, learned from different impressions."""
    ranking, (first, last) = history.settings.ranking, history.windows.test
    test = history.between(first, last)
    ways = {
        "settled": np.zeros(len(test)),
        "all, as they will be": np.zeros(len(test)),
        "all, as known": np.zeros(len(test)),
    }
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        yesterday, newest = day - timedelta(days=1), day - timedelta(days=ranking.label_horizon_days)
        own = test.shown_date.astype("datetime64[D]") == np.datetime64(day)
        learned = {
            "settled": until(history.examples, newest),
            "all, as they will be": until(history.examples, yesterday),
            "all, as known": until(history.as_known(day), yesterday),
        }
        for way, examples in learned.items():
            ways[way][own] = _at_top(examples, test, own, history)
    base = ways["settled"]
    return pl.DataFrame(
        [{"learned from": way, **_judged(test, scores, base, history.settings.seed)} for way, scores in ways.items()]
    )


def policy(history: History) -> pl.DataFrame:
    """How much the policy explores on the run date's pool, for several numbers of slates and budgets."""
    settings, run_date = history.settings, history.run_date
    newest = history.windows.test[1]
    belief = belief_from(history.examples, newest, settings.ranking.bandit)
    customers = history.warehouse.read(history.connection, "customers")
    scored = score_pool(
        {"thompson": BayesianLogisticRanker(belief, settings.ranking.bandit.offer_sd)},
        history.today("interaction_features"),
        with_customer_codes(history.today("customer_features"), customers),
        with_offer_codes(history.today("offer_features"), history.today("offers"), history.today("offer_products")),
        threads=1,
    )
    judged = judged_candidates(
        history.connection.from_arrow(scored.to_arrow()),
        history.today("offers"),
        customers,
        history.days_before("impressions", WEEK_DAYS - 1),
        history.days_before("redemptions", settings.selection.redemption_days),
        run_date,
        settings.selection,
    )
    eligible = stored(eligible_candidates(judged))
    count = eligible.count("*").fetchall()[0][0]
    rows = []
    for slates, budget in TRIED:
        rules = settings.selection.model_copy(update={"sampled_slates": slates, "exploration_budget": budget})
        started = time.process_time()
        chosen = choose_by_sampling(eligible, run_date, rules, settings.seed, threads=1)
        seconds = time.process_time() - started
        share = chosen["propensity"].to_numpy()
        unsure = share[share < 1]
        entropy = -(unsure * np.log(unsure) + (1 - unsure) * np.log(1 - unsure)).sum() / len(share)
        rows.append(
            {
                "slates": slates,
                "budget": budget,
                "median doubt": scored["log_odds_sd"].median(),
                "explored": chosen["is_explored"].sum() / chosen["customer_id"].n_unique(),
                "mean propensity": share.mean(),
                "always shown": (share == 1).mean(),
                "nats per offer": entropy,
                "candidates per CPU second": count / seconds,
            }
        )
    return pl.DataFrame(rows)


def _at_top(examples: Examples, test: Examples, own: np.typing.NDArray[np.bool_], history: History) -> Floats:
    settings = history.settings.ranking.bandit
    newest: date = examples.shown_date.max().astype("datetime64[D]").item()
    ranker = BayesianLogisticRanker(belief_from(examples, newest, settings), settings.offer_sd)
    return ranker.raw_scores(test.features[own], np.ones(int(own.sum()), dtype=np.float32), 1)


def _judged(part: Examples, scores: Floats, base: Floats, seed: int) -> dict[str, float]:
    """Metrics of scores, and the difference of NDCG@10 to other scores with its interval over customers."""
    metrics, other = (
        list_metrics(part.list_id, part.label, values, part.offer_id, CUTOFF) for values in (scores, base)
    )
    customer = dict(zip(part.list_id.tolist(), part.customer_id.tolist(), strict=True))
    owners = np.array([customer[number] for number in metrics.list_id.tolist()])
    difference = metrics.ndcg - other.ndcg
    lower, upper = interval(resampled_means(difference[:, None], owners, 1000, seed)[:, 0])
    return {
        "AUC": auc(part.label, scores),
        "AUC within lists": float(np.nanmean(metrics.auc)),
        "NDCG@10": float(np.nanmean(metrics.ndcg)),
        "minus": float(np.nanmean(difference)),
        "lower": lower,
        "upper": upper,
        "mean score at the top": float(expit(scores).mean()),
    }


if __name__ == "__main__":
    typer.run(main)
