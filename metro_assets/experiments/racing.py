"""All policies on all seeds, in processes side by side; whoever is killed goes on where it was.

Every policy plays in a process with one thread, however many there are, so that results do not depend on their number.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from metro_assets.experiments.history import extend_history, make_history
from metro_assets.experiments.plan import Plan, pin_plan
from metro_assets.experiments.play import finished_days, play

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
LOOK_SECONDS = 0.5

Progress = Callable[[int, str], None]
"""Told the number of finished policy-days, and what is being done."""


def race(plan: Plan, jobs: int, progress: Progress) -> None:
    """Play what is missing of the experiment; returns when every policy has played every day.

    A seed's policies start when its history is there; the histories of later seeds are made meanwhile.
    """
    pin_plan(plan)
    with _environment(ONE_THREAD), _processes(jobs) as pool:
        histories = {pool.submit(_history, plan, seed): seed for seed in plan.seeds}
        running: dict[Future[None], str] = {future: f"history of seed {seed}" for future, seed in histories.items()}
        while running:
            done, _ = wait(running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                del running[future]
                future.result()
                if future in histories:
                    seed = histories[future]
                    for policy in plan.policies:
                        running[pool.submit(play, plan, seed, policy)] = f"{policy} on seed {seed}"
            busy = [name for future, name in running.items() if future.running()]
            progress(finished_days(plan), ", ".join(busy[:jobs]))


def _history(plan: Plan, seed: int) -> None:
    make_history(plan, seed)
    extend_history(plan, seed)


@contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_follow, initargs=(os.getpid(),))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.kill()
        raise
    pool.shutdown()


def _follow(parent: int) -> None:
    """End this process when the one that started it is gone: a killed experiment leaves nobody behind.

    And end it at once, past the leak warnings that DuckDB's binding prints at an interpreter's end.
    """
    atexit.register(os._exit, 0)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables that processes started meanwhile inherit."""
    before: dict[str, Any] = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
