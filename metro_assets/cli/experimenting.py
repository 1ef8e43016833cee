"""`metro experiment`: play the policies, then say what came of each."""

from __future__ import annotations

from datetime import date

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from metro_assets.config import Settings


def run_experiment(
    settings: Settings,
    policies: str | None,
    days: int,
    seeds: int,
    start: date | None,
    experiment: str | None,
    jobs: int | None,
    console: Console,
) -> None:
    """Play what is missing of an experiment, print its table and write its report.

    Raises
    ------
    ConfigurationError : an unknown policy, a source without a truth, a name that stands for another experiment.
    """
    from metro_assets.experiments.plan import plan_experiment, played_by_default
    from metro_assets.experiments.play import finished_days
    from metro_assets.experiments.promises import promised_margins
    from metro_assets.experiments.racing import race
    from metro_assets.experiments.report import short_rows, write_report
    from metro_assets.experiments.results import results
    from metro_assets.experiments.scoreboard import scoreboard

    asked = [text.strip() for text in policies.split(",") if text.strip()] if policies else played_by_default(settings)
    plan = plan_experiment(settings, asked, days, seeds, start, experiment)
    total = len(plan.seeds) * len(plan.policies) * plan.days
    console.print(
        f"{', '.join(plan.policies)} · {days} days from {plan.start} · {seeds} world(s) · {plan.folder}",
        highlight=False,
        soft_wrap=True,
    )
    if done := finished_days(plan):
        console.print(f"{done} of {total} policy-days were played before", highlight=False)
    columns = (
        SpinnerColumn(),
        TextColumn("policy-days"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total, completed=done)
        race(
            plan,
            jobs or settings.engine.threads,
            lambda finished, what: progress.update(task, completed=finished, description=what),
        )
    with console.status("comparing"):
        found = results(plan)
        page = write_report(plan, found, scoreboard(plan), promised_margins(plan))
    header, *rows = short_rows(plan, found)
    table = Table(title="Change per 1,000 customers against no offers over the period")
    for column in header:
        table.add_column(column, justify="left" if column == "policy" else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(f"report: {page}", highlight=False, soft_wrap=True)
