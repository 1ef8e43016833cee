"""What an experiment plays: policies, days, seeds, and the world and knobs that it is bound to."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from metro_assets.config import ConfigurationError, Engine, Settings, Sizes, today
from metro_assets.sources.synthetic.world import World
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import Algorithm

CONTROL, RANDOM, ORACLE = "no_offer", "random", "oracle"
ALWAYS = (CONTROL, RANDOM, ORACLE)
"""In every race: nothing is shown; lots among the eligible candidates; the true expected margin."""
ON_REQUEST = {Algorithm.SASREC}
"""In the race where it is asked for: its network of purchase sequences costs more than any other fit."""
PLAN_FILE = "experiment.json"
_BOUND_SECTIONS = {
    "sizes",
    "features",
    "candidates",
    "embeddings",
    "sequences",
    "ranking",
    "uplift",
    "selection",
    "experiments",
}


@dataclass(frozen=True)
class Plan:
    """An experiment: every policy plays every seed from `start` for `days` days."""

    folder: Path
    settings: Settings
    policies: tuple[str, ...]
    start: date
    days: int
    seeds: tuple[int, ...]

    @property
    def first_day(self) -> date:
        """First day of the history that all policies share."""
        return self.start - timedelta(days=self.settings.sizes.history_days)

    @property
    def end(self) -> date:
        """The day after the last that is played."""
        return self.start + timedelta(days=self.days)

    @property
    def dates(self) -> list[date]:
        """The days that are played."""
        return [self.start + timedelta(days=offset) for offset in range(self.days)]

    @property
    def engine(self) -> Engine:
        """One thread for every process: results do not depend on the machine."""
        return self.settings.engine.model_copy(update={"threads": 1})

    def history(self, seed: int) -> Path:
        """Folder of what the policies of a seed share."""
        return self._of_seed(seed) / "history"

    def path(self, seed: int, policy: str) -> Path:
        """Folder of what one policy lived through on one seed."""
        return self._of_seed(seed) / policy

    def _of_seed(self, seed: int) -> Path:
        # Not `seed=…`: a reader of partitions takes such a folder for a column, `policy=…` in place of the stored one.
        return self.folder / f"seed-{seed}"

    def warehouse(self, seed: int, policy: str) -> Warehouse:
        """Tables of one policy on one seed."""
        return Warehouse(self.path(seed, policy), self.engine)


def plan_experiment(
    settings: Settings,
    policies: Sequence[str],
    days: int,
    seeds: int,
    start: date | None = None,
    name: str | None = None,
) -> Plan:
    """The plan of an experiment under `<warehouse>/experiments/<name>`; the same name goes on where it was.

    More policies, days or seeds may be asked for than before; the world and the knobs must be the same. By default it
    is named after the profile, and ends yesterday when it is first planned.

    Raises
    ------
    ConfigurationError : an unknown policy, a source without a truth, or a name that stands for another experiment.
    """
    if settings.source != "synthetic":
        raise ConfigurationError(
            f"the twin needs the synthetic world: nobody knows what the customers of {settings.source_folder} would "
            "have done without an offer; leave source = files out, or name another folder with --warehouse"
        )
    known = playable(settings)
    if unknown := [policy for policy in policies if policy not in {*known, *ALWAYS}]:
        raise ConfigurationError(
            f"--policies {','.join(unknown)}: no such policy; choose from {', '.join(known)} "
            f"({', '.join(ALWAYS)} are always in the race)"
        )
    name = name or settings.profile
    if Path(name).name != name or name.startswith("."):
        raise ConfigurationError(f"--name {name} is no name of a folder; use letters, digits and dashes")
    asked = [str(policy) for policy in dict.fromkeys(policies) if policy not in ALWAYS]
    folder = settings.warehouse / "experiments" / name
    before = _pinned(folder)
    start = start or (date.fromisoformat(before["start"]) if before else today() - timedelta(days=days))
    plan = Plan(
        folder=folder,
        settings=settings,
        policies=(CONTROL, *asked, RANDOM, ORACLE),
        start=start,
        days=days,
        seeds=tuple(settings.seed + number for number in range(seeds)),
    )
    _refuse_another_experiment(plan, before)
    return plan


def playable(settings: Settings) -> list[str]:
    """The algorithms that may be in the race: those that are fitted every day."""
    return [str(algorithm) for algorithm in settings.ranking.algorithms]


def played_by_default(settings: Settings) -> list[str]:
    """The algorithms that are in the race where none is asked for."""
    return [str(algorithm) for algorithm in settings.ranking.algorithms if algorithm not in ON_REQUEST]


def pin_plan(plan: Plan) -> None:
    """Write down what the experiment is bound to, once."""
    path = plan.folder / PLAN_FILE
    if path.exists():
        return
    plan.folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(_bound(plan), indent=2, sort_keys=True).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by the content: a reader, or who comes after a kill, sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@lru_cache(maxsize=1)
def world_of(sizes: Sizes, seed: int, first_day: date) -> World:
    """The world of a seed, kept: a process plays several policies on it."""
    return World(sizes, seed, first_day)


def _bound(plan: Plan) -> dict[str, Any]:
    settings = plan.settings
    knobs = settings.model_dump(mode="json", include=_BOUND_SECTIONS)
    return {"start": str(plan.start), "seed": settings.seed, **knobs}


def _pinned(folder: Path) -> dict[str, Any]:
    """What an experiment is bound to, empty before its first run."""
    path = folder / PLAN_FILE
    bound: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return bound


def _refuse_another_experiment(plan: Plan, before: dict[str, Any]) -> None:
    now = _bound(plan)
    changed = [name for name in sorted({*before, *now}) if before and before.get(name) != now.get(name)]
    if changed:
        raise ConfigurationError(
            f"{plan.folder} holds an experiment with other {', '.join(changed)}; give the same again, or another --name"
        )
