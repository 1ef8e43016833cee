"""The ten offers of every customer and algorithm, and who got fewer and why."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import polars as pl

from metro_assets.config import Settings, load_settings
from metro_assets.orchestration.checks import contract_checks
from metro_assets.orchestration.metadata import markdown_table
from metro_assets.orchestration.partitions import days, run_dates
from metro_assets.orchestration.tables import table_asset
from metro_assets.selection.promises import broken_promises
from metro_assets.selection.rules import WEEK_DAYS, judged_candidates, shortfalls
from metro_assets.selection.slates import commonest_reasons, slates
from metro_assets.sql import Relation, dated, on_date, union
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import RANKER_SUFFIX, UNRANKED, Algorithm

SELECTION = load_settings().selection
STAND_INS = (UNRANKED, Algorithm.BOOSTED_TREES, Algorithm.LOGISTIC)
TABLES_OF_THE_DATE = (
    "offers",
    "offer_products",
    "daily_prices",
    "customer_products",
    "customer_features",
    "offer_features",
    "candidate_pool",
    "scored_candidates",
)


@table_asset(
    ins={
        **{table: days(0, 0) for table in TABLES_OF_THE_DATE},
        "impressions": days(-WEEK_DAYS + 1, -1),
        "redemptions": days(-SELECTION.redemption_days, -1),
        "web_visits": days(-SELECTION.browse_days, -1),
    },
    kinds=("polars",),
)
def recommendations(
    context: dg.AssetExecutionContext,
    customers: Relation,
    products: Relation,
    offers: Relation,
    offer_products: Relation,
    daily_prices: Relation,
    customer_products: Relation,
    customer_features: Relation,
    offer_features: Relation,
    candidate_pool: Relation,
    scored_candidates: Relation,
    impressions: Relation,
    redemptions: Relation,
    web_visits: Relation,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
) -> pl.DataFrame:
    """The best eligible offers under the rules, with reason and price tag."""
    known = {
        "customers": customers,
        "products": products,
        "impressions": impressions,
        "redemptions": redemptions,
        "web_visits": web_visits,
    }
    state = dict(
        zip(
            TABLES_OF_THE_DATE,
            (
                offers,
                offer_products,
                daily_prices,
                customer_products,
                customer_features,
                offer_features,
                candidate_pool,
                scored_candidates,
            ),
            strict=True,
        )
    )
    frames = []
    for run_date in run_dates(context):
        tables = known | {table: on_date(rows, run_date) for table, rows in state.items()}
        champion = champion_algorithm(models, run_date, tables["scored_candidates"])
        threads = settings.engine.threads
        served = slates(tables, run_date, champion, settings.selection, settings.seed, threads)
        frames.append(served.with_columns(run_date=pl.lit(run_date)))
    context.add_output_metadata({"reasons": dg.MetadataValue.md(markdown_table(commonest_reasons(frames[-1])))})
    return pl.concat(frames)


@table_asset(
    ins={
        **{table: days(0, 0) for table in ("recommendations", "scored_candidates", "offers")},
        "impressions": days(-WEEK_DAYS + 1, -1),
        "redemptions": days(-SELECTION.redemption_days, -1),
    },
)
def recommendation_shortfalls(
    context: dg.AssetExecutionContext,
    customers: Relation,
    recommendations: Relation,
    scored_candidates: Relation,
    offers: Relation,
    impressions: Relation,
    redemptions: Relation,
    settings: dg.ResourceParam[Settings],
) -> Relation:
    """Who got fewer offers than a slate has, and the first rule that explains it."""
    parts = []
    for run_date in run_dates(context):
        live, scored = on_date(offers, run_date), on_date(scored_candidates, run_date)
        judged = judged_candidates(scored, live, customers, impressions, redemptions, run_date, settings.selection)
        short = shortfalls(customers, judged, on_date(recommendations, run_date), run_date, settings.selection)
        parts.append(dated(short, run_date))
    return union(parts)


def champion_algorithm(models: ModelStore, run_date: date, scored_candidates: Relation) -> str:
    """The algorithm whose order a run for the date serves; another where the champion could not score."""
    scored = sorted(name for (name,) in scored_candidates.select("algorithm").distinct().fetchall())
    champion = models.champion_at(run_date)
    chosen = champion.version.name.removesuffix(RANKER_SUFFIX) if champion else ""
    if chosen in scored or not scored:
        return chosen
    # The champion could not score: what scored stands in, the steadiest first.
    return next((str(name) for name in STAND_INS if name in scored), scored[0])


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(name, asset="recommendation_shortfalls", blocking=True, description=text)
        for name, text in {
            "every_customer_is_served": "each customer has a full slate of every algorithm, or the reason why not",
            "no_offer_is_expired": "every recommended offer is live on the run date",
            "categories_are_capped": "no slate holds more offers of one category than allowed",
            "ranks_are_dense": "ranks run from 1 to ten at most without a gap, scores fall, no offer comes twice",
            "champion_is_one": "exactly one algorithm is the champion",
        }.items()
    ],
)
def slate_checks(
    context: dg.AssetCheckExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[dg.AssetCheckResult]:
    """What the slates promise."""
    broken = dict.fromkeys((spec.name for spec in slate_checks.check_specs), 0)
    for run_date in run_dates(context):
        with warehouse.connection() as connection:
            tables = {
                table: warehouse.read(connection, table, [run_date])
                for table in ("customers", "offers", "recommendations", "recommendation_shortfalls")
            }
            for promise, count in broken_promises(tables, run_date, settings.selection).items():
                broken[promise] += count
    for promise, count in broken.items():
        yield dg.AssetCheckResult(
            asset_key="recommendation_shortfalls", check_name=promise, passed=count == 0, metadata={"broken": count}
        )


selection_checks = [
    contract_checks("recommendations"),
    contract_checks("recommendation_shortfalls", may_be_empty=True),
]
