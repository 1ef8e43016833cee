"""What spares the day the costly and the untried: models that are kept for a while, fits that may fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TypeVar

import dagster as dg

from metro_assets.storage.models import ModelStore, Version

T = TypeVar("T")


def kept_fit(models: ModelStore, name: str, run_date: date, refit_days: int) -> Version | None:
    """A version of the days before that need not be fitted anew yet."""
    day = timedelta(days=1)
    return models.newest(name, run_date - (refit_days - 1) * day, run_date - day)


def going_on_without(name: str, context: dg.AssetExecutionContext, work: Callable[[], T]) -> T | None:
    """What the work gives; where it fails, None, and the step's log says why."""
    try:
        return work()
    except Exception:
        context.log.exception("%s failed; the day goes on without it", name)
        return None
