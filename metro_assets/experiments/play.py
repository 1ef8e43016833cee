"""A policy plays its days one after the other: it chooses, the world answers, the answer is written, it learns.

A day is finished when its record is written, after all of its tables: who comes after a kill makes the unfinished day
anew, from the same numbers, and goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
from filelock import FileLock

from metro_assets.draws import uniform
from metro_assets.experiments.history import share_history
from metro_assets.experiments.learning import scorer_of
from metro_assets.experiments.morning import (
    Pairs,
    candidates_of,
    choose,
    opened_tables,
    score_candidates,
    scored_by,
    training_rows_as_served,
    trial_rows,
)
from metro_assets.experiments.opening import Memory, Opening
from metro_assets.experiments.plan import ALWAYS, CONTROL, ORACLE, RANDOM, Plan, world_of, write_whole
from metro_assets.metrics import Floats
from metro_assets.sources.synthetic.played import Chosen, PlayedExposure
from metro_assets.sources.synthetic.truth import Truth
from metro_assets.sources.synthetic.world import World
from metro_assets.sql import Relation
from metro_assets.storage.models import ModelStore
from metro_assets.vocabulary import Algorithm, Arm

LEAST_MARGIN_RON = 1e-9
"""The oracle shows what gains only."""
CHOICE_SCHEMA = {
    "customer_id": pl.Int32,
    "arm": pl.String,
    "rank": pl.Int8,
    "offer_id": pl.Int32,
    "score": pl.Float32,
    "propensity": pl.Float64,
}
"""What a policy chose on a day: shown in the arm POLICY, only noted in the arm EXPLORATION."""


def play(plan: Plan, seed: int, policy: str, on_day: Callable[[], None] = lambda: None) -> None:
    """Play all days of a policy on a seed, from the first that is not finished; one process at a time."""
    folder = plan.path(seed, policy)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".playing.lock"):
        player = Player(plan, seed, policy)
        for day in plan.dates:
            if record_path(plan, seed, policy, day).exists():
                player.recall(day)
                continue
            player.live_through(day)
            on_day()


class Player:
    """One policy on one seed, at some day."""

    def __init__(self, plan: Plan, seed: int, policy: str) -> None:
        share_history(plan, seed, policy)
        self.plan, self.seed, self.policy = plan, seed, policy
        self.warehouse = plan.warehouse(seed, policy)
        self.warehouse.sweep()
        self.models = ModelStore(self.warehouse.root)
        world = world_of(plan.settings.sizes, seed, plan.first_day)
        self.exposure = PlayedExposure(world, policy, plan.start)
        self.world: World = world.shown_by(self.exposure)
        self.learns = policy not in ALWAYS
        self._memory: Memory | None = None
        self._seconds: dict[str, float] = {}

    def recall(self, day: date) -> None:
        """Show again what was shown on a finished day: the days after it ask the world about it."""
        self.exposure.play(day, _shown(read_choices(self.plan, self.seed, self.policy, day)))

    def live_through(self, day: date) -> None:
        """Choose in the morning, let the world answer, and record both."""
        self._seconds = {}
        with self._timed("memory"):
            memory = self._remember(day)
        with memory.opening(day) as opening:
            choices = pl.DataFrame(schema=CHOICE_SCHEMA) if self.policy == CONTROL else self._choices(opening)
            with self._timed("world"):
                write_whole(_choices_path(self.plan, self.seed, self.policy, day), _parquet(choices))
                self.exposure.play(day, _shown(choices))
                happened = self.world.events(day)
                for table, rows in happened.items():
                    self.warehouse.write(table, day, rows, opening.connection, presorted=True)
        with self._timed("memory"):
            memory.append(tuple(happened), day)
        seconds = {name: round(spent, 3) for name, spent in self._seconds.items()}
        record = {"seconds": seconds, "finished_at": time.time()}
        write_whole(record_path(self.plan, self.seed, self.policy, day), json.dumps(record).encode())

    def _remember(self, day: date) -> Memory:
        """The days that were lived through, read when the first day is played."""
        if self._memory is None:
            self._memory = Memory(self.warehouse, self.plan.first_day, day)
        return self._memory

    def _choices(self, opening: Opening) -> pl.DataFrame:
        settings, day = self.plan.settings, opening.run_date
        with self._timed("features"):
            opened_tables(opening, settings)
        if self.learns:
            with self._timed("examples"):
                self._learn(opening)
        with self._timed("fit"):
            score = self._scores(opening)
        with self._timed("choice"):
            due, random_slates = self.exposure.due(day), self.exposure.explored(day)
            customers = [*due.tolist(), *random_slates["customer_id"].unique().to_list()]
            candidates = candidates_of(opening, customers, settings)
            scored, of_slates = score_candidates(opening, candidates, random_slates, score)
            least = LEAST_MARGIN_RON if self.policy == ORACLE else 0.0
            chosen = choose(opening, candidates, scored, settings, self.seed, least)
        if self.policy == Algorithm.UPLIFT:
            valued = values_of(scored, random_slates)
            write_whole(_valued_path(self.plan, self.seed, day), _parquet(valued))
        arm = pl.when(pl.col("customer_id").is_in(due.tolist())).then(pl.lit(str(Arm.POLICY)))
        choices = chosen.with_columns(arm=arm.otherwise(pl.lit(str(Arm.EXPLORATION))))
        write_whole(_explored_path(self.plan, self.seed, self.policy, day), _parquet(of_slates))
        return choices.select(pl.col(name).cast(kind) for name, kind in CHOICE_SCHEMA.items())

    def _learn(self, opening: Opening) -> None:
        day = opening.run_date
        if not self.warehouse.exists("training_examples", day):
            rows = training_rows_as_served(opening, self.plan.settings.features)
            self.warehouse.write("training_examples", day, rows, opening.connection)
        if self.policy == Algorithm.UPLIFT and not self.warehouse.exists("uplift_examples", day):
            for _, rows in trial_rows(opening, [day], self.plan.settings, self.seed):
                self.warehouse.write("uplift_examples", day, rows, opening.connection)

    def _scores(self, opening: Opening) -> Pairs:
        plan = self.plan
        if self.policy == RANDOM:
            return lots(self.seed)
        if self.policy == ORACLE:
            return true_margins(Truth(self.world, plan.settings.experiments.oracle_horizon_days))
        scorer = scorer_of(opening, Algorithm(self.policy), self.models, plan.settings, self.seed, plan.start)
        return scored_by(self.policy, scorer, plan.settings, self.models)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - started


def lots(seed: int) -> Pairs:
    """Every candidate equally likely: a draw per customer, offer and day."""

    def scored(opening: Opening, candidates: Relation) -> pl.DataFrame:
        pairs = _pairs(candidates)
        keys = (pairs["customer_id"].to_numpy(), pairs["offer_id"].to_numpy(), opening.run_date.toordinal())
        return _scored(pairs, RANDOM, uniform(seed, "random policy", *keys))

    return scored


def true_margins(truth: Truth) -> Pairs:
    """Candidates by the true change of the margin that showing them at the top brings, RON."""

    def scored(opening: Opening, candidates: Relation) -> pl.DataFrame:
        pairs = _pairs(candidates)
        change = truth.margin_change_ron(
            opening.run_date, pairs["customer_id"].to_numpy(), pairs["offer_id"].to_numpy()
        )
        return _scored(pairs, ORACLE, change)

    return scored


def values_of(scored: Relation, explored: pl.DataFrame) -> pl.DataFrame:
    """Value of every scored pair of the customers who see a random slate: customer_id, offer_id, value_ron."""
    pairs: pl.DataFrame = scored.select("customer_id, offer_id, value_ron").order("customer_id, offer_id").pl()
    return pairs.join(explored.select("customer_id").unique(), on="customer_id", how="semi", maintain_order="left")


def _pairs(candidates: Relation) -> pl.DataFrame:
    pairs: pl.DataFrame = candidates.select("customer_id, offer_id").order("customer_id, offer_id").pl()
    return pairs


def _scored(pairs: pl.DataFrame, policy: str, score: Floats) -> pl.DataFrame:
    unknown = pl.lit(None, dtype=pl.Float32)
    return pairs.with_columns(
        algorithm=pl.lit(policy), score=pl.Series(score.astype(np.float32)), value_ron=unknown, log_odds_sd=unknown
    )


def record_path(plan: Plan, seed: int, policy: str, day: date) -> Path:
    """File that says that a day is finished."""
    return plan.path(seed, policy) / "days" / f"{day}.json"


def seconds_of_days(plan: Plan, seed: int, policy: str) -> list[float]:
    """Seconds that every played day took."""
    paths = [record_path(plan, seed, policy, day) for day in plan.dates]
    return [sum(json.loads(path.read_text("utf-8"))["seconds"].values()) for path in paths]


def finished_days(plan: Plan) -> int:
    """Policy-days of the plan that are finished."""
    return sum(
        record_path(plan, seed, policy, day).exists()
        for seed in plan.seeds
        for policy in plan.policies
        for day in plan.dates
    )


def read_choices(plan: Plan, seed: int, policy: str, day: date) -> pl.DataFrame:
    """What a policy chose on a finished day, with `CHOICE_SCHEMA`."""
    return pl.read_parquet(_choices_path(plan, seed, policy, day))


def _choices_path(plan: Plan, seed: int, policy: str, day: date) -> Path:
    return plan.path(seed, policy) / "choices" / f"{day}.parquet"


def read_explored(plan: Plan, seed: int, policy: str, day: date) -> pl.DataFrame:
    """The random slates of a finished day, `PlayedExposure.explored`, with the scores of the policy."""
    return pl.read_parquet(_explored_path(plan, seed, policy, day))


def _explored_path(plan: Plan, seed: int, policy: str, day: date) -> Path:
    return plan.path(seed, policy) / "explored" / f"{day}.parquet"


def read_valued(plan: Plan, seed: int, day: date) -> pl.DataFrame:
    """What the uplift policy's model said of the pairs of a finished day, as `values_of` has it."""
    return pl.read_parquet(_valued_path(plan, seed, day))


def _valued_path(plan: Plan, seed: int, day: date) -> Path:
    return plan.path(seed, Algorithm.UPLIFT) / "valued" / f"{day}.parquet"


def _shown(choices: pl.DataFrame) -> Chosen:
    shown = choices.filter(pl.col("arm") == str(Arm.POLICY))
    return Chosen(
        customer_id=shown["customer_id"].to_numpy().astype(np.int64),
        offer_id=shown["offer_id"].to_numpy().astype(np.int64),
        position=shown["rank"].to_numpy().astype(np.int64),
        propensity=shown["propensity"].to_numpy(),
    )


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
