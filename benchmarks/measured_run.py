"""One `metro run` in a process of its own, with its seconds and the memory and CPU of its process tree over time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil

SAMPLE_SECONDS = 0.2


class Sample(NamedTuple):
    """The process tree at a moment: epoch seconds, bytes of resident memory, CPU seconds so far."""

    moment: float
    resident_bytes: int
    cpu_seconds: float


@dataclass(frozen=True)
class MeasuredRun:
    """What a command took."""

    command: list[str]
    started: float
    """Epoch seconds."""
    seconds: float
    samples: list[Sample] = field(repr=False)
    machine_seconds: float = 0.0
    """CPU time of all cores and everybody while it ran."""

    @property
    def others_share(self) -> float:
        """What everything else took of the CPU time that the machine had to give: 0 on a quiet machine."""
        return max(self.machine_seconds - self.cpu_seconds, 0.0) / (self.seconds * (os.cpu_count() or 1))

    @property
    def peak_bytes(self) -> int:
        """Most memory that was resident at once."""
        return max((sample.resident_bytes for sample in self.samples), default=0)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all cores, user and system."""
        return self.samples[-1].cpu_seconds if self.samples else 0.0

    def between(self, start: float, end: float) -> tuple[int, float]:
        """Peak memory, bytes, and CPU seconds in an interval of epoch seconds."""
        inside = [sample for sample in self.samples if start - SAMPLE_SECONDS <= sample.moment <= end + SAMPLE_SECONDS]
        if not inside:
            return 0, 0.0
        peak = max(sample.resident_bytes for sample in inside)
        return peak, inside[-1].cpu_seconds - inside[0].cpu_seconds


def metro(*arguments: str, warehouse: Path, environment: Mapping[str, str] | None = None) -> MeasuredRun:
    """Run the `metro` command on a warehouse, with more in its environment; raises CalledProcessError if it fails."""
    command = [str(Path(sys.executable).with_name("metro")), *arguments, "--warehouse", str(warehouse)]
    samples: list[Sample] = []
    started, clock, machine = time.time(), time.perf_counter(), _machine_seconds()
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})})
    tree = psutil.Process(process.pid)
    while process.poll() is None:
        if (sample := _sample(tree)) is not None:
            samples.append(sample)
        time.sleep(SAMPLE_SECONDS)
    seconds = time.perf_counter() - clock
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return MeasuredRun(command, started, seconds, samples, _machine_seconds() - machine)


def _machine_seconds() -> float:
    times = psutil.cpu_times()._asdict()
    return sum(times.values()) - sum(times.get(name, 0.0) for name in ("idle", "iowait", "guest", "guest_nice"))


def _sample(tree: psutil.Process) -> Sample | None:
    resident, cpu = 0, 0.0
    try:
        for process in [tree, *tree.children(recursive=True)]:
            resident += process.memory_info().rss
            times = process.cpu_times()
            cpu += times.user + times.system
    except psutil.NoSuchProcess:
        return None
    return Sample(time.time(), resident, cpu)
