"""What a run prints while it runs: a failed check in the words of whoever wrote it, else its facts."""

import io

import dagster as dg
from rich.console import Console

from metro_assets.cli.progress import RunView

WARNED = dg.AssetCheckSeverity.WARN


@dg.asset
def soup() -> None:
    """A table that its checks find fault with."""


@dg.asset_check(asset=soup)
def is_hot() -> dg.AssetCheckResult:
    """A check that says what it found."""
    return dg.AssetCheckResult(
        passed=False, severity=WARNED, description="it is lukewarm; see the web UI", metadata={"degrees": 30}
    )


@dg.asset_check(asset=soup)
def is_salted() -> dg.AssetCheckResult:
    """A check that has figures alone."""
    return dg.AssetCheckResult(passed=False, severity=WARNED, metadata={"grams": 0.5})


@dg.asset_check(asset=soup)
def is_served() -> dg.AssetCheckResult:
    """A check without fault."""
    return dg.AssetCheckResult(passed=True, description="nothing to say")


def test_a_failed_check_prints_its_sentence_else_its_facts() -> None:
    printed = io.StringIO()
    job = dg.Definitions([soup], asset_checks=[is_hot, is_salted, is_served]).resolve_implicit_global_asset_job_def()
    view = RunView(Console(file=printed, width=120), 4, "soup")
    with dg.DagsterInstance.ephemeral() as instance, view:
        run_id = "0b8a5a5e-6d6c-4a0e-9d0a-1f1f1f1f1f1f"
        instance.add_event_listener(run_id, view.on_event)
        assert job.execute_in_process(instance=instance, run_id=run_id).success
    checks = [line.strip() for line in printed.getvalue().splitlines() if " check " in line]
    assert sorted(checks) == [
        "! check soup: is_hot (it is lukewarm; see the web UI)",
        "! check soup: is_salted (grams 0.5)",
    ]
    assert view.failed_checks == []
