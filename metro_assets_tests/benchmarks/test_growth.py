"""Fits give back what made the figures, and the page says which stage breaks what is expected of it."""

import os
from dataclasses import fields
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from benchmarks.fits import exponent, last_step, line
from benchmarks.growth import QUICK, REAL, Measurement
from benchmarks.growth_page import COLD, CUSTOMERS, HISTORY, NEXT, WHOLE, draw_growth, growth_page
from benchmarks.measured_run import MeasuredRun, Sample
from benchmarks.pages import Figure, Heading, headline, write_page, write_readme

SIZES = {CUSTOMERS: (100, 200, 400), HISTORY: (90, 180)}


def measurements(power_of_pairs: float = 1.0, next_day_per_day: float = 0.0) -> pl.DataFrame:
    """Two stages: one of 10 s at any size, one that takes a power of the customers, 1 s for 100 of them."""
    rows = []
    for axis, sizes in SIZES.items():
        for size in sizes:
            customers, days = (size, 90) if axis == CUSTOMERS else (100, size)
            for run, repetitions in ((COLD, 1), (NEXT, 3)):
                fixed = 10 + next_day_per_day * days
                pairs = (customers / 100) ** power_of_pairs
                for repetition in range(1, repetitions + 1):
                    for stage, seconds in ((WHOLE, fixed + pairs), ("fitting", fixed), ("pairs", pairs)):
                        rows.append((axis, size, run, repetition, "day", stage, 1, seconds, 2 * seconds, 2**30, 0.01))
    return pl.DataFrame(rows, schema=[column.name for column in fields(Measurement)], orient="row")


def test_a_square_has_the_exponent_two() -> None:
    assert exponent([1, 2, 4], [[3.0], [3.0 * 4], [3.0 * 16]]).value == pytest.approx(2)


def test_the_interval_is_what_any_repetition_could_make_of_it() -> None:
    found = exponent([1, 4], [[2.0, 2.0, 2.0], [4.0, 2.0, 8.0]])

    assert (found.value, found.least, found.most) == pytest.approx((1 / 2, 0, 1))


def test_a_line_gives_back_its_start_up_and_rate() -> None:
    found = line([1, 2, 4], [[3.0 + 2 * 1], [3.0 + 2 * 2], [3.0 + 2 * 4]])

    assert (found.startup.value, found.rate.value, found.worst_share) == pytest.approx((3, 2, 0))


def test_a_line_counts_a_small_size_as_much_as_a_large_one() -> None:
    """Three points of a curve: the relative misses are of one size, though the last takes a hundred times as long."""
    found = line([1, 10, 100], [[1.0], [20.0], [100.0]])

    assert found.startup.value + found.rate.value * 1 == pytest.approx(1, rel=0.5)


def test_the_last_step_is_a_ratio_of_the_two_largest() -> None:
    assert last_step([[9.0], [2.0], [4.0, 4.0, 5.0]]).most == 5 / 2


def test_linear_growth_is_not_reported() -> None:
    page = growth_page(measurements(), QUICK.base)

    assert "Faster than linear from 200 to 400, of the stages of a second or more: none." in page
    assert "What grows from 90 to 180 days: nothing." in page


def test_a_stage_that_grows_as_the_square_is_named() -> None:
    page = growth_page(measurements(power_of_pairs=2), QUICK.base)

    assert f"of a second or more: pairs ({4**2 / 2**2:.2f} times, of CPU 4.00)." in page


def test_a_next_day_that_grows_with_the_history_is_named() -> None:
    page = growth_page(measurements(next_day_per_day=0.1), QUICK.base)

    assert f"fitting (+{0.1 * (180 - 90):.1f} s, {(10 + 18) / (10 + 9):.2f} times)" in page
    assert "| next day against history, 90 to 180 days | <= 1.05 times | 1.45 times | **no** |" in page


def test_the_picture_has_a_panel_per_axis() -> None:
    assert [axes.get_title() for axes in draw_growth(measurements()).axes] == [
        "against customers",
        "against the length of the history",
    ]


def test_the_world_that_lies_on_both_axes_is_made_once() -> None:
    worlds = [(sizes.customers, sizes.history_days) for _, sizes in REAL.worlds()]

    assert len(worlds) == len(set(worlds)) == len(REAL.customers) + len(REAL.history_days) - 1


def test_the_readme_quotes_the_figures_that_a_page_starts_with(tmp_path: Path) -> None:
    heading = Heading("growth", "Growth", "How it grows.")
    write_page(tmp_path, heading, headline([Figure("the next day", "<= 60 s", "103 s", False)]), date(2026, 11, 25))

    readme = write_readme(tmp_path, [heading, Heading("api", "Serving", "Lookups.")]).read_text()

    assert "| the next day | <= 60 s | 103 s | **no** | [growth](growth.md) |" in readme
    assert "Made by `python -m benchmarks growth` on 2026-11-25" in readme
    assert "Lookups. Not measured yet." in readme


def test_the_readme_quotes_the_first_figure_in_bold_of_a_page_without_a_table(tmp_path: Path) -> None:
    heading = Heading("peer", "Against a peer", "The same work.")
    write_page(tmp_path, heading, "## How\n\nSlowly.\n\nIt is **20 times** as fast.", date(2026, 11, 25))

    assert "\n\nIt is **20 times** as fast.\n\n" in write_readme(tmp_path, [heading]).read_text()


def test_everything_else_on_the_machine_is_what_a_run_did_not_take_itself() -> None:
    """10 s of all cores, of which the run took 4 s: the rest of what was busy is the others'."""
    run = MeasuredRun([], 0.0, 10.0, [Sample(10.0, 0, 4.0)], machine_seconds=4.0 + 3.0)

    assert run.others_share == pytest.approx(3.0 / (10.0 * (os.cpu_count() or 1)))
