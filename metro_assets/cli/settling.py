"""Which warehouse and world a command speaks of, made known to every process that it starts."""

from __future__ import annotations

import os
import re
import shlex
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

import metro_assets
from metro_assets.config import SETTINGS_FILE, ConfigurationError, Settings, load_settings, today

if TYPE_CHECKING:
    from dagster import DagsterInstance

DAGSTER_YAML = "dagster.yaml"
_COMMAND = re.compile(r"\bmetro (run|recommend|status|models|rollback|serve|sql|ui)\b")


def settle(
    warehouse: Path | None,
    run_date: date | None = None,
    profile: str | None = None,
    customers: int | None = None,
    products: int | None = None,
    seed: int | None = None,
    *,
    source_folder: Path | None = None,
    history_start: date | None = None,
) -> Settings:
    """Settings of the command; Dagster and its children read the same ones from the environment.

    A warehouse that is filled for the first time starts its calendar on `history_start`, else so that `run_date` has
    the whole history.

    Raises
    ------
    ConfigurationError : an impossible setting, another world than the warehouse's, a date outside its calendar.
    """
    asked = as_asked(profile, customers, products, seed, source_folder)
    settings = load_settings(warehouse, **asked)
    if run_date is not None and not (settings.warehouse / SETTINGS_FILE).exists():
        start = history_start or run_date - timedelta(days=settings.sizes.history_days)
        settings = load_settings(warehouse, **asked, history_start=start)
    if run_date is not None:
        _refuse_outside_the_calendar(settings, run_date)
    _tell_children(settings, is_named=warehouse is not None)
    return settings


def as_asked(
    profile: str | None, customers: int | None, products: int | None, seed: int | None, source_folder: Path | None
) -> dict[str, Any]:
    """What a command says, as fields of `Settings`; None means not said.

    Raises
    ------
    ConfigurationError : sizes of the synthetic world are asked for together with a folder of files.
    """
    if source_folder is not None and any(said is not None for said in (profile, customers, products)):
        raise ConfigurationError(
            "--profile, --customers and --products are sizes of the synthetic world; leave them out with --source"
        )
    return {
        "profile": profile,
        "seed": seed,
        "source": "files" if source_folder is not None else None,
        "source_folder": str(source_folder) if source_folder is not None else None,
        "sizes": {"customers": customers, "products": products},
    }


def asked_date(text: str | None, option: str = "--date") -> date | None:
    """The date of an option; raises ConfigurationError where it is none, or has not come yet."""
    if text is None:
        return None
    try:
        asked = datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise ConfigurationError(f"{option} {text} is not a date like {today()}") from None
    if asked > today():
        raise ConfigurationError(f"{option} {asked} has not come yet; today is {today()}")
    return asked


def on_the_same_warehouse(text: str, named: Path | None) -> str:
    """The text, with the warehouse that a command named in every command that it tells to give."""
    return (
        text if named is None else _COMMAND.sub(lambda found: f"{found[0]} --warehouse {shlex.quote(str(named))}", text)
    )


def _refuse_outside_the_calendar(settings: Settings, run_date: date) -> None:
    if run_date <= settings.calendar_start:
        raise ConfigurationError(
            f"--date {run_date} is outside the calendar of {settings.warehouse}, whose history starts on "
            f"{settings.calendar_start}; choose a date after it, or another folder with --warehouse"
        )


def _tell_children(settings: Settings, *, is_named: bool) -> None:
    """Put the settings into the environment; a warehouse named in the command brings its own Dagster home."""
    os.environ["METRO_WAREHOUSE"] = str(settings.warehouse)
    os.environ["METRO_PROFILE"] = settings.profile
    os.environ["METRO_SEED"] = str(settings.seed)
    os.environ["METRO_HISTORY_START"] = settings.calendar_start.isoformat()
    os.environ["METRO_SOURCE"] = settings.source
    if settings.source_folder is not None:
        os.environ["METRO_SOURCE_FOLDER"] = str(settings.source_folder)
    for name, size in settings.sizes.model_dump().items():
        os.environ[f"METRO_SIZES__{name.upper()}"] = str(size)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    if is_named or not os.environ.get("DAGSTER_HOME"):
        os.environ["DAGSTER_HOME"] = str(settings.warehouse / "dagster")


def open_instance() -> DagsterInstance:
    """Dagster's instance in its home; folder, settings and databases are made where they are missing.

    One process at a time: two that make the databases at once leave a version table with two heads, for good.

    Raises
    ------
    ConfigurationError : the folder cannot be made.
    """
    home = Path(os.environ["DAGSTER_HOME"])
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{home} cannot be made ({(error.strerror or str(error)).lower()}); name another folder with --warehouse"
        ) from None
    ours = Path(metro_assets.__file__).parents[1] / DAGSTER_YAML
    with FileLock(home / ".making.lock"):
        if ours.exists() and not os.path.lexists(home / DAGSTER_YAML):
            (home / DAGSTER_YAML).symlink_to(ours)
        from dagster import DagsterInstance

        return DagsterInstance.get()
