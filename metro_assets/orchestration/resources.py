"""What assets are handed: settings, the warehouse, models, the source and, for evaluation alone, the oracle."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from metro_assets.config import ConfigurationError, Settings
from metro_assets.orchestration.io import WarehouseIOManager
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse


def resources(settings: Settings) -> dict[str, Any]:
    """Resources by key; the source and the oracle are built on first use, once per process."""
    warehouse = Warehouse(settings.warehouse, settings.engine)

    @cache
    def source() -> Any:
        if settings.source == "files":
            from metro_assets.sources.files.source import FolderSource

            if settings.source_folder is None:
                raise ConfigurationError("source = files needs source_folder, the folder of the files")
            return FolderSource(settings.source_folder, settings.warehouse, settings.engine, settings.files)
        from metro_assets.sources.synthetic.world import World

        return World(settings.sizes, settings.seed, settings.calendar_start)

    @cache
    def oracle() -> Any:
        from metro_assets.sources.synthetic.truth import Truth

        return Truth(source(), settings.evaluation.horizon_days) if settings.source == "synthetic" else None

    lazily: dict[str, Callable[[], Any]] = {"source": source, "oracle": oracle}
    return {
        "settings": settings,
        "warehouse": warehouse,
        "models": ModelStore(settings.warehouse),
        "io_manager": WarehouseIOManager(warehouse),
        **lazily,
    }
