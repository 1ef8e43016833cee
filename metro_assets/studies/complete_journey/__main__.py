"""`python -m metro_assets.studies.complete_journey FOLDER --output DIR`: runs the study, writes its tables as CSV."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

import duckdb
import numpy as np
import polars as pl
import typer

from metro_assets.config import Candidates, Evaluation, Features, Ranking
from metro_assets.sql import Relation
from metro_assets.studies.complete_journey.coupon_ranking import mean_ndcg, metrics_of, paired_difference, score_fold
from metro_assets.studies.complete_journey.entrants import BASELINES, ENTRANTS, Entrant
from metro_assets.studies.complete_journey.history import campaigns_of, history_of
from metro_assets.studies.complete_journey.matrix import matrix_of
from metro_assets.studies.complete_journey.next_basket import FIRST_WEEK, WEEKS, WINDOW_DAYS, judge_next_baskets
from metro_assets.studies.complete_journey.phase_2 import PHASE_1, PHASE_2, SEQUENCES, matrix_of_phase_2
from metro_assets.studies.complete_journey.pictures import draw_study
from metro_assets.studies.complete_journey.protocol import WITHOUT_HISTORY, given_split, rolling_folds
from metro_assets.studies.complete_journey.tries import INNER, TRIES, judge_tries
from metro_assets.studies.sequences.next_items import WEEK, judge_next_items

SEED = 42
OTHERS_OF_PHASE_2 = ("repeat_purchase", "logistic", "listwise_sets")
"""Orders that each is compared with: the baseline, and of phase 1 the platform's own and the best."""


class Part(StrEnum):
    """Parts of the study; the tries look at training campaigns only, the pictures at the tables of the others."""

    TRIES = "tries"
    GIVEN = "given"
    ROLLING = "rolling"
    BASKETS = "baskets"
    NEXT_ITEMS = "next_items"
    PHASE_2 = "phase_2"
    PICTURES = "pictures"


def main(
    folder: Annotated[Path, typer.Argument(help="Folder that the converter wrote.", exists=True, file_okay=False)],
    output: Annotated[Path, typer.Option(help="Folder for the tables of results.")] = Path("docs/complete-journey"),
    part: Annotated[list[Part] | None, typer.Option(help="Only this part; may be repeated.")] = None,
    maximum_rows: Annotated[int, typer.Option(help="Rows that a ranker learns from; beyond, lists are sampled.")] = (
        Ranking().maximum_rows
    ),
    threads: Annotated[int, typer.Option(min=1, help="Threads of DuckDB and LightGBM.")] = 2,
) -> None:
    """Rank the coupons of Complete Journey's campaigns and write how well each ranker did."""
    started = time.perf_counter()
    output.mkdir(parents=True, exist_ok=True)
    ranking, evaluation = Ranking(maximum_rows=maximum_rows), Evaluation()
    with duckdb.connect(config={"memory_limit": "5GB", "threads": threads}) as connection:
        history = history_of(folder, connection)
        campaigns = [one for one in campaigns_of(history) if one.campaign_id not in WITHOUT_HISTORY]
        days = sorted({campaign.first_date for campaign in campaigns})

        @cache
        def matrix(features: Features) -> Relation:
            return matrix_of(history, days, features)

        parts = part or list(Part)
        if Part.GIVEN in parts:
            scored = score_fold(matrix(Features()), given_split(), campaigns, ENTRANTS, ranking, SEED, threads)
            _write(scored.rows, output / "given.csv", evaluation)
            for policy, exposed in scored.rows.partition_by("policy", as_dict=True).items():
                _write(exposed, output / f"given_{policy[0]}.csv", evaluation)
        if Part.ROLLING in parts:
            folds = [
                score_fold(matrix(Features()), fold, campaigns, ENTRANTS, ranking, SEED, threads)
                for fold in rolling_folds(campaigns)
            ]
            together = pl.concat([fold.rows for fold in folds])
            _write(together, output / "rolling.csv", evaluation)
            unseen = together.filter(~pl.col("fold").is_in([str(number) for number in INNER]))
            _write(unseen, output / "rolling_after_validation.csv", evaluation)
            chosen = [
                {
                    "fold": fold.rows["fold"][0],
                    "order": name,
                    "ndcg_at_10": mean_ndcg(fold.rows, name, evaluation, SEED)[0],
                    "lists": fold.rows.filter(pl.col("label") > 0)["slate_id"].n_unique(),
                    **{f"validation_{metric}": value for metric, value in fold.validation.get(name, {}).items()},
                }
                for fold in folds
                for name in fold.names
            ]
            pl.DataFrame(chosen, infer_schema_length=None).write_csv(output / "folds.csv", float_precision=4)
        if Part.BASKETS in parts:
            baskets = [
                judge_next_baskets(history, Candidates(), evaluation, SEED, window_days).with_columns(
                    window_days=window_days
                )
                for window_days in (Features().window_days, WINDOW_DAYS)
            ]
            pl.concat(baskets).write_csv(output / "baskets.csv", float_precision=4)
        if Part.NEXT_ITEMS in parts:
            products = history.products.select("product_id").fetchnumpy()["product_id"]
            next_items = judge_next_items(
                history.order_items,
                history.customers,
                np.sort(products).astype(np.int64),
                [FIRST_WEEK + week * WEEK for week in range(WEEKS)],
                SEQUENCES,
                evaluation,
                SEED,
                threads,
                typer.echo,
            )
            next_items.write_csv(output / "next_items.csv", float_precision=4)
        if Part.PHASE_2 in parts:
            described = matrix_of_phase_2(matrix(Features()), history, connection, SEED, threads)
            entrants = (*PHASE_1, *PHASE_2)
            scored = score_fold(described, given_split(), campaigns, entrants, ranking, SEED, threads)
            _write(scored.rows, output / "phase_2.csv", evaluation, entrants, OTHERS_OF_PHASE_2)
            validation = [{"order": name, **metrics} for name, metrics in scored.validation.items()]
            pl.DataFrame(validation).write_csv(output / "phase_2_validation.csv", float_precision=4)
        if Part.TRIES in parts:
            tried = []
            for row in judge_tries(TRIES, matrix, campaigns, evaluation, SEED, threads):
                tried.append(row)
                pl.DataFrame(tried).write_csv(output / "tries.csv", float_precision=4)
    if Part.PICTURES in parts:
        draw_study(output)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    typer.echo(f"{time.perf_counter() - started:.0f} s, {peak:,.0f} MiB at most")


def _write(
    scored: pl.DataFrame,
    path: Path,
    evaluation: Evaluation,
    entrants: Sequence[Entrant] = ENTRANTS,
    others: Sequence[str] = ("repeat_purchase", "logistic", "logistic_sets", "boosted_trees_sets"),
) -> None:
    """The metrics of every order, and the paired difference of each to some others."""
    metrics_of(scored, evaluation, SEED).write_csv(path, float_precision=4)
    names = [*(entrant.name for entrant in entrants), *BASELINES]
    pairs = [(name, other) for other in others for name in names if name != other]
    differences = [(*pair, *paired_difference(scored, *pair, evaluation, SEED)) for pair in pairs]
    schema = ["order", "against", "difference", "lower", "upper"]
    pl.DataFrame(differences, schema=schema, orient="row").write_csv(
        path.with_stem(f"{path.stem}_paired"), float_precision=4
    )


if __name__ == "__main__":
    typer.run(main)
