"""Time as Dagster sees it: one partition per run date, and the windows that assets look back on."""

from __future__ import annotations

from datetime import date

import dagster as dg

from metro_assets.config import TIME_ZONE, load_settings

daily = dg.DailyPartitionsDefinition(
    start_date=load_settings().calendar_start.isoformat(), end_offset=1, timezone=TIME_ZONE
)
"""Run dates from the start of the history to today; `end_offset=1` makes today's partition exist in the morning."""


def days(first: int, last: int, *, may_be_missing: bool = False) -> dg.AssetIn:
    """An input over the run dates from D + first to D + last, e.g. days(-90, -1).

    Days before the calendar do not exist and are left out; any other missing partition is an error with its remedy,
    unless `may_be_missing`.
    """
    return dg.AssetIn(
        partition_mapping=dg.TimeWindowPartitionMapping(
            start_offset=first, end_offset=last, allow_nonexistent_upstream_partitions=True
        ),
        metadata={"may_be_missing": may_be_missing},
    )


def run_dates(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[date]:
    """The run dates that a step is asked for, ascending: one, or a range in a single run."""
    execution = context.op_execution_context if isinstance(context, dg.AssetCheckExecutionContext) else context
    if not execution.has_partition_key and not execution.has_partition_key_range:
        return []
    key_range = execution.partition_key_range
    return [date.fromisoformat(key) for key in daily.get_partition_keys_in_range(key_range)]
