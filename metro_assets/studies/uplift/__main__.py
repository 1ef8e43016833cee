"""`python -m metro_assets.studies.uplift --warehouse DIR --date D`: fits on the date, writes tables and a picture."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

from metro_assets.config import load_settings
from metro_assets.evaluation.oracle import Oracle
from metro_assets.orchestration.resources import resources
from metro_assets.ranking.uplift.fitting import crossed_responses, fit_uplift
from metro_assets.ranking.uplift.learners import LearnerKind
from metro_assets.ranking.uplift.trial import BOUGHT, REDEEMED, TrialSources, trial_windows, with_outcomes
from metro_assets.sql import stored
from metro_assets.storage.tables import Warehouse
from metro_assets.studies.uplift.orders import arms, by_tenth, calibration, judge_orders, placebo, true_effects
from metro_assets.studies.uplift.pictures import draw_study
from metro_assets.studies.uplift.served import judge_slates


def main(
    warehouse: Annotated[Path, typer.Option(help="A finished warehouse.", exists=True, file_okay=False)],
    day: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Run date.")],
    output: Annotated[Path, typer.Option(help="Folder for the tables and the picture.")] = Path("docs/uplift"),
    samples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples of customers.")] = 200,
    threads: Annotated[int, typer.Option(min=1, help="Threads of DuckDB and LightGBM.")] = 1,
) -> None:
    """Judge the uplift learners of a run date by their trial and, in a synthetic world, by the truth."""
    started, run_date = time.perf_counter(), day.date()
    output.mkdir(parents=True, exist_ok=True)
    settings = load_settings(warehouse)
    oracle: Oracle | None = resources(settings)["oracle"]()
    tables = Warehouse(settings.warehouse, settings.engine)
    horizon = settings.ranking.label_horizon_days
    first = run_date - timedelta(days=settings.uplift.example_days + horizon - 1)
    with tables.connection(threads) as connection:
        read = {
            name: tables.read(connection, name, (first, run_date - timedelta(days=1)))
            for name in ("order_items", "redemptions", "offers", "offer_products", "daily_prices")
        }
        sources = TrialSources(**read, products=tables.read(connection, "products"))
        examples = tables.read(connection, "uplift_examples", (first + timedelta(days=1), run_date), allow_missing=True)
        labelled = stored(with_outcomes(examples, sources, run_date, horizon))
        windows = trial_windows(run_date, first, settings.uplift, settings.ranking)
        fitted = fit_uplift(labelled, windows, run_date, settings.uplift, settings.seed, threads)
        truth = true_effects(fitted.test, oracle) if oracle else {}
        arms(fitted.test, samples, settings.seed).write_csv(output / "arms.csv", float_precision=5)
        slopes = []
        for outcome, fit in fitted.first.items():
            rows, scores = fitted.test.rows(outcome), fitted.scores(threads)[outcome]
            true = truth.get(outcome)
            orders = judge_orders(rows, scores, true, samples, settings.seed)
            orders.write_csv(output / f"orders_{outcome}.csv", float_precision=5)
            by_tenth(rows, scores[fit.chosen], true).write_csv(output / f"tenths_{outcome}.csv", float_precision=5)
            crossed = crossed_responses(fit.learners[LearnerKind.DR])
            shown, held = np.mean([one.probabilities(rows.features, threads) for one in crossed], axis=0)
            slopes += [
                {"outcome": outcome, "order": name, **calibration(rows, scores[name], (shown, held), true)}
                for name in fit.risk
            ]
        pl.DataFrame(slopes).write_csv(output / "calibration.csv", float_precision=5)
        dealt = placebo(labelled.pl(), settings.seed)
        blank = fit_uplift(
            connection.from_arrow(dealt.to_arrow()), windows, run_date, settings.uplift, settings.seed, threads
        )
        for outcome in (BOUGHT, REDEEMED):
            judge_orders(
                blank.test.rows(outcome), blank.scores(threads)[outcome], None, samples, settings.seed
            ).write_csv(output / f"placebo_{outcome}.csv", float_precision=5)
        if oracle and tables.exists("recommendations", run_date):
            names = ("recommendations", "candidate_margins", "offers")
            served, margins, offers = (tables.read(connection, name, [run_date]) for name in names)
            judge_slates(
                served, margins, offers, oracle, run_date, settings.selection, samples, settings.seed
            ).write_csv(output / "slates.csv", float_precision=2)
    draw_study(output)
    chosen = {outcome: fit.chosen for outcome, fit in fitted.first.items()}
    typer.echo(f"chosen {chosen}, served {fitted.metadata['served']}, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    typer.run(main)
