"""Dagster wiring only: partitions, how tables go in and out, checks, jobs, the schedule. No business rule."""

import warnings

import dagster as dg

# Partition mappings with gaps and backfill policies are beta in Dagster: tried, pinned, and nothing a user can act on.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
# The job of a run date mixes tables that take a range with models that do not; one date a run is what it is for.
warnings.filterwarnings("ignore", message=r".*varying BackfillPolicies", category=UserWarning)
