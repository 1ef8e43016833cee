"""`metro run`: bring a warehouse to a run date through Dagster, into the instance that the web UI shows."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.console import Console

from metro_assets.cli.failures import RunFailedError
from metro_assets.cli.progress import Failure, RunView
from metro_assets.cli.settling import open_instance
from metro_assets.cli.teardown import hush_teardown
from metro_assets.config import TIME_ZONE, ConfigurationError, Settings
from metro_assets.storage.tables import Warehouse

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions

    from metro_assets.orchestration.jobs import PlannedRun

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The event log holds every message; the terminal shows progress instead."""
POLL_SECONDS = 0.2
"""The system may hand a signal to any thread: the main one takes it when it looks up from waiting."""


def bring_to(
    settings: Settings, run_date: date, console: Console, *, backtest: bool, changed: Collection[date] = ()
) -> None:
    """Make what is missing up to the run date, or changed at the source, then the run date.

    Raises
    ------
    RunFailedError : a step failed; what was made before it stays. KeyboardInterrupt : ctrl-C; the same holds.
    """
    hush_teardown()
    with console.status("loading the pipeline"):
        from metro_assets.definitions import defs
        from metro_assets.orchestration.jobs import planned_runs, report_dead_runs

        instance = open_instance()
    warehouse = Warehouse(settings.warehouse, settings.engine)
    warehouse.sweep()
    if killed := report_dead_runs(instance):
        console.print(f"[yellow]{killed} earlier run(s) had been killed and are marked as failed[/]")
    for planned in planned_runs(settings, warehouse, run_date, backtest=backtest, changed=changed):
        _execute(defs, instance, planned, console)
    warehouse.rebuild_catalogue()


def newest_runs(count: int) -> list[tuple[str, ...]]:
    """The newest runs of the instance: start, job, run dates, status, seconds, id."""
    from metro_assets.orchestration.jobs import RANGE_END, RANGE_START

    rows: list[tuple[str, ...]] = []
    for record in open_instance().get_run_records(limit=count):
        run, start, end = record.dagster_run, record.start_time, record.end_time
        first = run.tags.get(RANGE_START) or run.tags.get("dagster/partition", "")
        last = run.tags.get(RANGE_END, first)
        started = datetime.fromtimestamp(start, ZoneInfo(TIME_ZONE)).strftime("%m-%d %H:%M") if start else "-"
        seconds = f"{end - start:.0f}" if start and end else "-"
        dates = first if first == last else f"{first} to {last}"
        rows.append((started, run.job_name, dates, run.status.value, seconds, run.run_id[:8]))
    return rows


def _execute(defs: Definitions, instance: DagsterInstance, planned: PlannedRun, console: Console) -> None:
    from metro_assets.orchestration.jobs import PROCESS_TAG

    job = defs.resolve_job_def(planned.job)
    run_id = str(uuid.uuid4())
    span = str(planned.last) if planned.first == planned.last else f"{planned.first} to {planned.last}"
    console.print(f"[bold]{planned.job}[/] {span}", highlight=False)
    view = RunView(console, len(job.graph.node_dict), planned.job)
    instance.add_event_listener(run_id, view.on_event)
    tags = planned.tags | {PROCESS_TAG: str(os.getpid())}
    # In a thread of its own: in the main one Dagster takes ctrl-C for a failure of the step, which is tried again.
    worker = ThreadPoolExecutor(1)
    try:
        with view:
            running = worker.submit(
                job.execute_in_process,
                run_config=QUIET,
                instance=instance,
                tags=tags,
                run_id=run_id,
                raise_on_error=False,
            )
            while not running.done():
                wait([running], POLL_SECONDS)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _cancel(instance, run_id)
        raise
    worker.shutdown()
    if not running.result().success:
        raise _failed(planned, run_id, view)


def _cancel(instance: DagsterInstance, run_id: str) -> None:
    """Say in the instance that a person stopped the run; its thread ends with the process."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_canceled(run, "stopped by ctrl-C; the same command goes on where it was")


def _failed(planned: PlannedRun, run_id: str, view: RunView) -> Exception:
    """One message out of what went wrong: our own errors speak for themselves."""
    details = f"the whole log: `metro ui`, then /runs/{run_id}"
    causes = [failure for failure in view.failures if failure.error != "DagsterAssetCheckFailedError"]
    if causes:
        return _as_error(causes[0], details)
    if view.failed_checks:
        return RunFailedError(f"a check failed and stopped what follows: {', '.join(view.failed_checks)}; {details}")
    return RunFailedError(f"the run {planned.job} of {planned.last} failed; {details}")


def _as_error(failure: Failure, details: str) -> Exception:
    if failure.error == ConfigurationError.__name__:
        return ConfigurationError(failure.message)
    if failure.error.endswith("Error") and ";" in failure.message:
        return RunFailedError(f"{failure.step}: {failure.message}; {details}")
    return RunFailedError(f"{failure.step}: {failure.error}: {failure.message}; {details}")
