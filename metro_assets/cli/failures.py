"""How a verb fails: one line with the remedy and an exit code, no traceback unless asked for."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from metro_assets.cli.settling import on_the_same_warehouse
from metro_assets.config import ConfigurationError
from metro_assets.storage.errors import WarehouseError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

FAILED, USAGE, INTERRUPTED = 1, 2, 130
DEBUG = {"is_on": False}
"""Set by `metro --debug` before the verb runs."""


class RunFailedError(WarehouseError):
    """A run through Dagster failed; the message says which step and what to do."""


def own_errors() -> set[str]:
    """Names of the errors whose message says what is wrong and what to do, whatever caused them."""
    found: set[type[Exception]] = {ConfigurationError, WarehouseError}
    fresh: list[type[Exception]] = list(found)
    while fresh:
        fresh = [kind for parent in fresh for kind in parent.__subclasses__() if kind not in found]
        found.update(fresh)
    return {kind.__name__ for kind in found}


def explaining(verb: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The verb, with what goes wrong said in one red line on standard error."""

    @functools.wraps(verb)
    def explained(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        try:
            return verb(*arguments, **options)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            _leave_at_once()
        except BrokenPipeError:  # who reads has read enough; the command line's own affair
            raise
        except ConfigurationError as error:
            raise _exit(str(error), USAGE, error) from None
        except WarehouseError as error:
            raise _exit(on_the_same_warehouse(str(error), _named(options)), FAILED, error) from None
        except Exception as error:
            text = f"unexpected {type(error).__name__}: {error}; `metro --debug …` shows where"
            raise _exit(text, FAILED, error) from None

    return explained


def _named(options: Mapping[str, object]) -> Path | None:
    """The warehouse that the command named."""
    named = options.get("warehouse")
    return named if isinstance(named, Path) else None


def _leave_at_once() -> NoReturn:
    """End the process as ctrl-C asks, with the thread of a run in it: partitions are written whole or not at all."""
    Console(stderr=True).print("stopped; the same command goes on where it was")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _exit(message: str, code: int, error: Exception | None = None) -> typer.Exit:
    console = Console(stderr=True)
    if DEBUG["is_on"] and error is not None:
        console.print_exception()
    console.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    return typer.Exit(code)
