"""The command `metro`: thin verbs over the same functions and jobs that everything else uses.

What belongs here: arguments, progress, tables, messages. What does not: any rule of the pipeline. Only `run` and what
it starts import Dagster, and only when they are called, so that a lookup answers at once.
"""

from __future__ import annotations

from metro_assets.cli.verbs import app

__all__ = ["app"]
