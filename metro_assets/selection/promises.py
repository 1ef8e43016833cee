"""What the slates promise their readers, counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from metro_assets.config import Selection
from metro_assets.sql import Relation, query, values


def broken_promises(tables: Mapping[str, Relation], run_date: date, settings: Selection) -> dict[str, int]:
    """How often each promise is broken, by its name; zeros are what a run date is published with.

    Parameters
    ----------
    tables : customers; offers, recommendations and recommendation_shortfalls of the run date.
    """
    bound = values(
        run_date=run_date, slate_size=settings.slate_size, maximum_per_category=settings.maximum_per_category
    )
    counts = query(__package__, "broken_promises", parameters=bound, **tables)
    return dict(zip(counts.columns, map(int, counts.fetchall()[0]), strict=True))
