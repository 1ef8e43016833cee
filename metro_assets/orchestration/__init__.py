"""Dagster wiring only: partitions, how tables go in and out, checks, jobs, the schedule. No business rule."""
