"""The network of purchase sequences and what it says of offers, as assets; where it is not asked for there are none."""

from datetime import date, timedelta

import dagster as dg
import polars as pl

from metro_assets.config import Settings, load_settings
from metro_assets.orchestration.challengers import kept_fit
from metro_assets.orchestration.checks import contract_checks
from metro_assets.orchestration.failing import RETRY, fails_at_once
from metro_assets.orchestration.partitions import daily, days
from metro_assets.orchestration.plots import picture
from metro_assets.orchestration.tables import ONE_DATE_A_RUN, OWNERS, code_version, table_asset
from metro_assets.sequences.again import MODEL, files_in_force
from metro_assets.sequences.baskets import baskets_to_learn_from
from metro_assets.sequences.pictures import draw_curve
from metro_assets.sql import Relation, query
from metro_assets.storage.models import ModelStore
from metro_assets.vocabulary import NEXT_ITEM_FEATURE, Algorithm

SETTINGS = load_settings()
SCORE = NEXT_ITEM_FEATURE
IS_ON = Algorithm.SASREC in SETTINGS.ranking.algorithms
OFF = "sasrec is not among the algorithms, or PyTorch is not installed"
HISTORY = SETTINGS.sequences.history_days
HORIZON = SETTINGS.ranking.label_horizon_days
OLDEST = SETTINGS.ranking.example_days + HORIZON - 1
"""Age in days of the earliest impression that a ranker of the run date may learn from."""


@dg.asset(
    ins={"order_items": days(-OLDEST - HISTORY, -OLDEST - 1)},
    partitions_def=daily,
    backfill_policy=ONE_DATE_A_RUN,
    owners=OWNERS,
    kinds={"pytorch"},
    retry_policy=RETRY,
    code_version=code_version(baskets_to_learn_from),
)
@fails_at_once
def next_item_model(
    context: dg.AssetExecutionContext,
    customers: Relation,
    order_items: Relation,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
) -> dg.MaterializeResult[None]:
    """The network of purchase sequences, fitted on what was known before the first impression that a ranker may learn
    from: of those impressions it then remembers as little as of today's.
    """
    if not IS_ON:
        return dg.MaterializeResult(metadata={"not fitted": OFF})
    from metro_assets.sequences.fitting import fit_next_item

    run_date = date.fromisoformat(context.partition_key)
    if kept := kept_fit(models, MODEL, run_date, settings.ranking.refit_days):
        return dg.MaterializeResult(metadata={"kept": f"the fit of {kept.run_date} goes on to score"})
    cutoff = run_date - timedelta(days=OLDEST)
    baskets = baskets_to_learn_from(order_items, customers, cutoff, settings.sequences, settings.seed)
    try:
        fit = fit_next_item(baskets, cutoff, settings.sequences, settings.seed, settings.engine.threads)
    except Exception as error:  # a challenger's signal, without which the day goes on
        context.log.warning("no network was fitted: %s", error)
        return dg.MaterializeResult(metadata={"not fitted": str(error)})
    path = models.save(MODEL, run_date, fit.model.save(), fit.metadata)
    shown = {**fit.metadata["metrics"], "rows": fit.metadata["rows"], "cut-off": str(cutoff)}
    return dg.MaterializeResult(
        metadata={**shown, "path": dg.MetadataValue.path(str(path)), "curve": picture(draw_curve(fit.curve))}
    )


@table_asset(
    ins={"candidate_pool": days(0, 0), "offer_products": days(0, 0), "order_items": days(-HISTORY, -1)},
    deps=[MODEL],
    kinds=("pytorch",),
    takes_range=False,
)
def next_item_scores(
    context: dg.AssetExecutionContext,
    candidate_pool: Relation,
    offer_products: Relation,
    customers: Relation,
    order_items: Relation,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
) -> pl.DataFrame:
    """Scored by the newest network, from what was known before the run date."""
    if not IS_ON:
        return pl.DataFrame(schema={"customer_id": pl.Int32, "offer_id": pl.Int32, SCORE: pl.Float32})
    from metro_assets.sequences.scoring import score_candidates

    run_date = date.fromisoformat(context.partition_key)
    return score_candidates(
        files_in_force(models, run_date, settings),
        candidate_pool,
        offer_products,
        order_items,
        customers,
        run_date,
        settings.sequences,
        settings.engine.threads,
    )


@table_asset(
    ins={
        "training_examples": days(-OLDEST + 1, -HORIZON + 1),
        "sampled_examples": days(0, 0),
        "offer_products": days(-OLDEST, -HORIZON),
        "order_items": days(-OLDEST - HISTORY, -HORIZON - 1),
    },
    deps=[MODEL],
    kinds=("pytorch",),
    takes_range=False,
)
def next_item_examples(
    context: dg.AssetExecutionContext,
    training_examples: Relation,
    sampled_examples: Relation,
    offer_products: Relation,
    customers: Relation,
    order_items: Relation,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
) -> pl.DataFrame:
    """Scored from what was known before each impression was shown; only on run dates on which the network is fitted,
    for on those a ranker learns what its scores are worth.
    """
    run_date = date.fromisoformat(context.partition_key)
    if not IS_ON or not models.exists(MODEL, run_date):
        return pl.DataFrame(schema={"impression_id": pl.Int64, SCORE: pl.Float32})
    from metro_assets.sequences.scoring import score_examples

    return score_examples(
        models.load(MODEL, run_date),
        query(__package__, "impressions", training_examples=training_examples, sampled_examples=sampled_examples),
        offer_products,
        order_items,
        customers,
        settings.sequences,
        settings.engine.threads,
    )


sequence_checks = [
    contract_checks("next_item_scores", may_be_empty=True),
    contract_checks("next_item_examples", may_be_empty=True),
]
