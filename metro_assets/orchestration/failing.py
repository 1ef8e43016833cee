"""How a step fails: with a remedy, and tried again only where trying again may help."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import dagster as dg
import duckdb

from metro_assets.storage.errors import BusyError, explained

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

RETRY = dg.RetryPolicy(max_retries=2, delay=1)
PASSING = (BusyError, OSError, duckdb.IOException)
"""What can fail in passing and is tried again: a partition that another run writes, a busy disk."""


@contextmanager
def failing_at_once() -> Iterator[None]:
    """What would fail again in the same way fails the step without another try."""
    try:
        with explained():
            yield
    except (*PASSING, dg.DagsterError, dg.Failure):
        raise
    except Exception as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def fails_at_once(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The function of an asset, inside `failing_at_once`."""

    @functools.wraps(function)
    def failing(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        with failing_at_once():
            return function(*arguments, **named)

    return failing
