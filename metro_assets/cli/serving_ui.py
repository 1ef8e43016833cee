"""`metro ui`: Dagster's web server and daemon as children of this process, on one instance, stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from rich.console import Console

from metro_assets.cli.ports import refuse_taken
from metro_assets.cli.settling import open_instance
from metro_assets.storage.errors import WarehouseError

LOOPBACK = "127.0.0.1"
MODULE = "metro_assets.definitions"
SCHEDULE = "every_morning"
SWITCH_ON = f"dagster schedule start {SCHEDULE} -m {MODULE}"
GRACE_SECONDS = 20
POLL_SECONDS = 0.3


def serve_ui(port: int, console: Console) -> None:
    """Run both until ctrl-C or SIGTERM, or until one of them ends; then stop both.

    Raises
    ------
    ConfigurationError : the port is taken. WarehouseError : a child ended by itself.
    """
    refuse_taken(LOOPBACK, port)
    schedule = _schedule_state()
    commands = {
        "web server": ["dagster-webserver", "-h", LOOPBACK, "-p", str(port), "-m", MODULE],
        "daemon": ["dagster-daemon", "run", "-m", MODULE],
    }
    stop: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        stop.append(number)

    earlier = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    # Sessions of their own: ctrl-C reaches this process alone, which then stops both in order.
    children = {name: _started(command) for name, command in commands.items()}
    console.print(
        f"web UI on [bold]http://{LOOPBACK}:{port}[/], instance {os.environ['DAGSTER_HOME']}; ctrl-C stops it",
        highlight=False,
    )
    console.print(schedule, highlight=False, soft_wrap=True)
    ended: list[str] = []
    try:
        while not stop and not ended:
            time.sleep(POLL_SECONDS)
            ended = [name for name, child in children.items() if child.poll() is not None]
    finally:
        for child in children.values():
            _stop(child)
        for number, handler in earlier.items():
            signal.signal(number, handler)
    if ended:
        raise WarehouseError(f"the {ended[0]} ended by itself; its messages are above")


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    """The command's process; the command beside this Python, so that no other installation is started."""
    program = str(Path(sys.executable).with_name(command[0]))
    return subprocess.Popen([program, *command[1:]], start_new_session=True)  # noqa: S603


def _schedule_state() -> str:
    """Whether the mornings come by themselves, and how to change that; makes the instance where it is missing."""
    with open_instance() as instance:
        states = {state.name: state.status.value for state in instance.all_instigator_state()}
    if states.get(SCHEDULE) != "STOPPED":  # it is declared as running
        return f"schedule {SCHEDULE} is on: 05:00, while this runs"
    return f"schedule {SCHEDULE} is off; switch it on in the UI under Automation, or: {SWITCH_ON}"


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ask the child, which stops its own code server; then make sure of its whole session."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
