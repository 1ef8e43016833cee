"""What the warehouse says of its models, their evaluation and drift, for readers: from whole files, never waiting."""

from __future__ import annotations

from datetime import date

import polars as pl

from metro_assets.config import Settings
from metro_assets.serving.queries import UnknownRunDateError
from metro_assets.serving.schemas import Drift, DriftReport, Evaluation, Metric, Model, Models
from metro_assets.storage.errors import explained
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse


class Reports:
    """Reads models and tables anew for every question. Safe to share between threads and beside a run."""

    def __init__(self, settings: Settings) -> None:
        self.warehouse = Warehouse(settings.warehouse, settings.engine)
        self.store = ModelStore(settings.warehouse)
        self.selection_metric = settings.ranking.selection_metric

    def models(self) -> Models:
        """Every fitted ranker, newest first."""
        champion = self.store.champion()
        found = []
        for version in reversed(self.store.versions()):
            metadata = self.store.metadata(version.name, version.run_date)
            is_champion = champion is not None and champion.version == version
            found.append(
                Model(
                    name=version.name,
                    algorithm=str(metadata["algorithm"]),
                    run_date=version.run_date,
                    is_champion=is_champion,
                    is_pinned=is_champion and champion is not None and champion.is_pinned,
                    windows=metadata["windows"],
                    rows=metadata["rows"],
                    metrics={name: figures or {} for name, figures in metadata["metrics"].items()},
                    features=metadata["features"],
                    library_versions=metadata["library_versions"],
                )
            )
        return Models(selection_metric=self.selection_metric, models=found)

    def evaluation(self, run_date: date | None = None) -> Evaluation:
        """The metrics of a run date, default the newest; raises UnknownRunDateError where there are none."""
        day = self._day("evaluation_metrics", run_date)
        order = "protocol, subject, population, metric, value desc nulls last, algorithm"
        return Evaluation(run_date=day, metrics=[Metric(**row) for row in self._rows("evaluation_metrics", day, order)])

    def drift(self, run_date: date | None = None) -> DriftReport:
        """The drift of a run date, default the newest, worst first; raises UnknownRunDateError where there is none."""
        day = self._day("drift_log", run_date)
        rows = self._rows("drift_log", day, "psi desc, quantity")
        return DriftReport(run_date=day, quantities=[Drift(**row) for row in rows])

    def _day(self, table: str, run_date: date | None) -> date:
        known = sorted(self.warehouse.partitions(table))
        if not known or (run_date is not None and run_date not in known):
            raise UnknownRunDateError(
                f"there is no {table} of {run_date or 'any run date'} "
                f"(there are: {', '.join(map(str, known[-30:])) or 'none'}); a run makes it: metro run"
            )
        return run_date or known[-1]

    def _rows(self, table: str, day: date, order: str) -> list[dict[str, object]]:
        with explained(), self.warehouse.connection(threads=1) as connection:
            rows = pl.DataFrame(self.warehouse.read(connection, table, [day]).order(order).pl())
        return rows.drop("run_date").to_dicts()
