"""The publication of a run date, the last step of a morning."""

import datetime

import dagster as dg
import polars as pl

from metro_assets.config import Settings
from metro_assets.orchestration.checks import contract_checks
from metro_assets.orchestration.partitions import run_dates
from metro_assets.orchestration.tables import table_asset
from metro_assets.serving.publish import ORDER, Publications
from metro_assets.storage.tables import Warehouse


@table_asset(deps=list(ORDER))
def published_recommendations(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> pl.DataFrame:
    """One file that readers open; it is put in force after the checks of the slates have passed."""
    publications = Publications(settings.warehouse, settings.engine.kept_publications)
    rows = []
    for run_date in run_dates(context):
        with warehouse.connection() as connection:
            tables = {table: warehouse.read(connection, table, [run_date]) for table in ORDER}
            publication = publications.publish(
                connection, tables, run_date, context.run_id, datetime.datetime.now(datetime.UTC)
            )
        rows.append(
            {
                "run_date": run_date,
                "publication": publication.name,
                "published_at": publication.published_at,
                "row_count": publication.row_count,
                "customer_count": publication.customer_count,
                "champion": publication.champion,
            }
        )
    warehouse.rebuild_catalogue()
    context.add_output_metadata({"in force": publications.current().name, "kept": len(publications.published())})
    return pl.DataFrame(rows)


serving_checks = [contract_checks("published_recommendations")]
