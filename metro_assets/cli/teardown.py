"""The end of a process that has loaded both Dagster's assets and torch.

DuckDB's binding (2.0) then counts what is still alive and prints some forty lines about leaks to standard error, after
the last line of Python has run. They are no concern of whoever called a verb: the process is over, and so is its
memory. An asset that is annotated with a relation and `import torch` are enough to see them.
"""

from __future__ import annotations

import atexit
import os
import sys


def hush_teardown() -> None:
    """Close standard error to what is printed after the interpreter's own end."""
    atexit.register(_to_nowhere)


def _to_nowhere() -> None:
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
