"""One `metro run` in a process of its own, with its seconds and the memory of its process tree over time."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.2


@dataclass(frozen=True)
class MeasuredRun:
    """What a command took; memory samples are (epoch seconds, bytes of resident memory of the tree)."""

    command: list[str]
    seconds: float
    memory: list[tuple[float, int]] = field(repr=False)

    @property
    def peak_bytes(self) -> int:
        """Most memory that was resident at once."""
        return max((size for _, size in self.memory), default=0)

    def peak_between(self, start: float, end: float) -> int:
        """Most memory resident in the interval of epoch seconds, bytes."""
        inside = [size for moment, size in self.memory if start - SAMPLE_SECONDS <= moment <= end + SAMPLE_SECONDS]
        return max(inside, default=0)


def metro(*arguments: str, warehouse: Path) -> MeasuredRun:
    """Run the `metro` command on a warehouse; raises CalledProcessError if it fails."""
    command = [str(Path(sys.executable).with_name("metro")), *arguments, "--warehouse", str(warehouse)]
    memory: list[tuple[float, int]] = []
    started = time.perf_counter()
    process = subprocess.Popen(command)
    tree = psutil.Process(process.pid)
    while process.poll() is None:
        memory.append((time.time(), _resident_bytes(tree)))
        time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return MeasuredRun(command, time.perf_counter() - started, memory)


def _resident_bytes(tree: psutil.Process) -> int:
    total = 0
    try:
        for process in [tree, *tree.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total
