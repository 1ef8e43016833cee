"""The uplift model as an asset: which days it reads, and that it is kept for a week."""

from datetime import date

import dagster as dg
import duckdb

from metro_assets.config import Settings, load_settings
from metro_assets.orchestration.challengers import kept_fit
from metro_assets.orchestration.failing import RETRY, fails_at_once
from metro_assets.orchestration.partitions import daily, days
from metro_assets.orchestration.plots import picture
from metro_assets.orchestration.tables import ONE_DATE_A_RUN, OWNERS, code_version
from metro_assets.ranking.examples import NotEnoughHistoryError
from metro_assets.ranking.uplift.pictures import draw_uplift_by_bin
from metro_assets.sql import stored
from metro_assets.storage.models import ModelStore
from metro_assets.vocabulary import RANKER_SUFFIX, Algorithm

SETTINGS = load_settings()
REACH = SETTINGS.uplift.example_days + SETTINGS.ranking.label_horizon_days
NAME = f"{Algorithm.UPLIFT}{RANKER_SUFFIX}"
SINCE_THE_FIRST_MOMENT = days(-REACH + 1, -1)


@dg.asset(
    name=NAME,
    ins={
        "uplift_examples": days(-REACH + 2, 0),
        **dict.fromkeys(
            ("order_items", "redemptions", "offers", "offer_products", "daily_prices"), SINCE_THE_FIRST_MOMENT
        ),
    },
    partitions_def=daily,
    backfill_policy=ONE_DATE_A_RUN,
    owners=OWNERS,
    kinds={"lightgbm"},
    retry_policy=RETRY,
    code_version=code_version(draw_uplift_by_bin),
    description="What showing an offer changes: the best of four learners on randomised moments whose outcome is "
    "settled, for purchases and for redemptions; stored in LightGBM's text and JSON with windows, metrics and seed.",
)
@fails_at_once
def uplift_ranker(
    context: dg.AssetExecutionContext,
    uplift_examples: duckdb.DuckDBPyRelation,
    order_items: duckdb.DuckDBPyRelation,
    redemptions: duckdb.DuckDBPyRelation,
    offers: duckdb.DuckDBPyRelation,
    offer_products: duckdb.DuckDBPyRelation,
    daily_prices: duckdb.DuckDBPyRelation,
    products: duckdb.DuckDBPyRelation,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
) -> dg.MaterializeResult[None]:
    """Without a trial (no hold-out, too few days) nothing is fitted, and the date is served without this algorithm."""
    run_date = date.fromisoformat(context.partition_key)
    if kept := kept_fit(models, NAME, run_date, settings.ranking.refit_days):
        return dg.MaterializeResult(metadata={"kept": f"the fit of {kept.run_date} goes on to score"})
    # LightGBM brings scikit-learn and pandas: two seconds for every command that loads the definitions.
    from metro_assets.ranking.uplift.fitting import fit_uplift
    from metro_assets.ranking.uplift.trial import TrialSources, trial_windows, with_outcomes

    sources = TrialSources(order_items, redemptions, offers, offer_products, daily_prices, products)
    rows = stored(with_outcomes(uplift_examples, sources, run_date, settings.ranking.label_horizon_days))
    first_shown = rows.aggregate("min(shown_date)").fetchall()[0][0] or run_date
    try:
        windows = trial_windows(run_date, first_shown, settings.uplift, settings.ranking)
        fitted = fit_uplift(rows, windows, run_date, settings.uplift, settings.seed, settings.engine.threads)
    except NotEnoughHistoryError as error:
        return dg.MaterializeResult(metadata={"not fitted": str(error)})
    path = models.save(NAME, run_date, fitted.model.files(), fitted.metadata)
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(path),
            **{name: fitted.metadata[name] for name in ("windows", "rows", "effects", "uplift_metrics")},
            "uplift by decile": picture(draw_uplift_by_bin(fitted.by_bin(settings.engine.threads))),
        }
    )
