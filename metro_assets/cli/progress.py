"""What a person sees of a run while it runs: each table as it is finished, and a bar."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from metro_assets.cli.failures import own_errors

if TYPE_CHECKING:
    from dagster import DagsterEvent, EventLogEntry

_DAY_OF = re.compile(r"day (\d+) of (\d+): (.+)")
_SHORT = 80
_SENTENCE = 160


@dataclass
class Failure:
    """A step that failed, and why: the outermost error of ours, else the innermost reason."""

    step: str
    error: str
    message: str


@dataclass
class RunView:
    """Listens to the events of a run: draws progress, remembers rows, failures and failed checks."""

    console: Console
    steps: int
    title: str
    rows: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)
    _started: dict[str, float] = field(default_factory=dict)
    _written: dict[str, set[str]] = field(default_factory=dict)
    _progress: Progress | None = None
    _task: TaskID | None = None

    def __enter__(self) -> RunView:
        """Start drawing."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
        self._progress = Progress(*columns, console=self.console, transient=True)
        self._progress.start()
        self._task = self._progress.add_task(self.title, total=self.steps)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing."""
        if self._progress is not None:
            self._progress.stop()

    def on_event(self, entry: EventLogEntry) -> None:
        """Take one event of the run's log."""
        event = entry.dagster_event
        if event is None:
            self._on_message(entry.user_message)
            return
        kind, step = event.event_type_value, event.step_key or ""
        if kind == "STEP_START":
            self._started[step] = time.perf_counter()
            self._describe(step)
        elif kind == "ASSET_MATERIALIZATION":
            self._remember_rows(event)
        elif kind == "ASSET_CHECK_EVALUATION":
            self._on_check(event)
        elif kind == "STEP_UP_FOR_RETRY":
            self.console.print(f"  [yellow]↻[/] {step} failed in passing and is tried again")
        elif kind == "STEP_FAILURE":
            self._on_failure(event)
            self._advance()
        elif kind in {"STEP_SUCCESS", "STEP_SKIPPED"}:
            self._on_success(step)
            self._advance()

    def _on_message(self, message: str) -> None:
        if (found := _DAY_OF.search(message)) and self._progress is not None:
            self._describe(f"day {found[1]} of {found[2]} ({found[3]})")
            if not self.console.is_terminal:
                self.console.print(f"    day {found[1]} of {found[2]}: {found[3]}", highlight=False)

    def _remember_rows(self, event: DagsterEvent) -> None:
        materialization = event.step_materialization_data.materialization
        count = materialization.metadata.get("dagster/row_count")
        name = materialization.asset_key.path[-1]
        self.rows[name] = int(getattr(count, "value", 0) or 0)
        self._written.setdefault(event.step_key or "", set()).add(name)

    def _on_check(self, event: DagsterEvent) -> None:
        check = event.asset_check_evaluation_data
        if check.passed:
            return
        is_warning = check.severity.value == "WARN"
        name = f"{check.asset_key.path[-1]}: {check.check_name}"
        facts = check.description or ", ".join(
            f"{key} {_plain(value)}" for key, value in check.metadata.items() if _plain(value)
        )
        colour = "yellow" if is_warning else "red"
        text = escape(f"{name} ({facts[:_SENTENCE]})" if facts else name)
        self.console.print(f"  [{colour}]{'!' if is_warning else '✗'}[/] check {text}", highlight=False)
        if not is_warning:
            self.failed_checks.append(name)

    def _on_failure(self, event: DagsterEvent) -> None:
        error, ours = event.step_failure_data.error, own_errors()
        while error is not None and error.cause is not None and error.cls_name not in ours:
            error = error.cause
        name = (error.cls_name if error else None) or "error"
        message = " ".join((error.message if error else "").split())
        message = re.sub(rf"^[\w.]*{re.escape(name)}:\s*", "", message)
        self.failures.append(Failure(event.step_key or "", name, message))
        self.console.print(f"  [red]✗[/] {event.step_key}", highlight=False)

    def _on_success(self, step: str) -> None:
        if step not in self._written:
            return
        seconds = time.perf_counter() - self._started.get(step, time.perf_counter())
        tables = sorted(self._written.get(step, set()))
        rows = sum(self.rows.get(table, 0) for table in tables)
        label = step if tables in ([], [step]) else f"{step} ({len(tables)} tables)"
        count = f"{rows:>13,} rows" if rows else " " * 18
        self.console.print(f"  [green]✓[/] {label:<38}{count} {seconds:>7.1f} s", highlight=False)

    def _describe(self, text: str) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=f"{self.title} · {text}")

    def _advance(self) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task)


def _plain(value: object) -> str:
    """A metadata value for the terminal: numbers and short texts, no pictures or tables."""
    content = getattr(value, "value", value)
    if isinstance(content, float):
        return f"{content:.4g}"
    text = str(content) if isinstance(content, int | str) else ""
    return text if len(text) <= _SHORT and "\n" not in text else ""
