"""Promised and true margin of slates, by hand; the bootstrap keeps a customer's slates together."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from metro_assets.experiments.comparison import estimates
from metro_assets.experiments.intended import known_of_pairs
from metro_assets.experiments.plan import Plan, plan_experiment
from metro_assets.experiments.play import values_of
from metro_assets.experiments.promises import SCHEMA, figures_of_slates, promised_margins
from metro_assets.experiments.report import write_report
from metro_assets.experiments.results import results
from metro_assets.experiments.scoreboard import scoreboard
from metro_assets.vocabulary import Algorithm

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


def pairs(*rows: tuple[date, int, int, float], name: str = "score") -> pl.DataFrame:
    schema = {"shown_date": pl.Date, "customer_id": pl.Int32, "offer_id": pl.Int32, name: pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_a_slate_promises_the_sum_of_what_its_valued_offers_promise() -> None:
    slates = pl.DataFrame(
        {"shown_date": [MONDAY, TUESDAY, MONDAY], "customer_id": [1, 1, 2]},
        schema={"shown_date": pl.Date, "customer_id": pl.Int32},
    )
    target = pairs((MONDAY, 1, 10, 0.5), (MONDAY, 1, 11, 0.4), (MONDAY, 1, 12, 0.3), (TUESDAY, 1, 10, 0.5))
    valued = pairs((MONDAY, 1, 10, 2.0), (MONDAY, 1, 11, -0.5), (TUESDAY, 1, 10, 4.0), name="value_ron")
    true = known_of_pairs([target, target], lambda day, customer, offer: offer / 10.0 + (day == TUESDAY))
    assert true["known"].to_list() == [1.0, 1.1, 1.2, 2.0]
    found = figures_of_slates(slates, target, valued, true)
    assert found.select("shown_date", "customer_id").rows() == [(MONDAY, 1), (MONDAY, 2), (TUESDAY, 1)]
    assert found["promised"].to_list() == [2.0 - 0.5, 0.0, 4.0]
    assert found["true"].to_list() == pytest.approx([1.0 + 1.1, 0.0, 2.0])
    assert found["miss"].to_list() == pytest.approx([1.5 - 2.1, 0.0, 4.0 - 2.0])
    assert found["offers"].to_list() == [3, 0, 1]
    assert found["valued_offers"].to_list() == [2, 0, 1]


def test_what_is_known_of_a_pair_is_asked_once_however_many_policies_would_show_it() -> None:
    asked: list[tuple[date, int]] = []

    def known(day: date, customer: np.ndarray, offer: np.ndarray) -> np.ndarray:
        asked.extend((day, each) for each in offer.tolist())
        return np.zeros(len(customer))

    known_of_pairs([pairs((MONDAY, 1, 10, 0.5)), pairs((MONDAY, 1, 10, 0.1), (TUESDAY, 1, 11, 0.5))], known)
    assert asked == [(MONDAY, 10), (TUESDAY, 11)]
    assert known_of_pairs([pairs()], known).is_empty()


def test_slates_of_one_customer_are_drawn_together() -> None:
    """Two customers with twenty slates each: the interval is that of two numbers, not of forty."""
    table, customers = np.repeat([[0.0], [1.0]], 20, axis=0), np.repeat([1, 2], 20)
    (together,) = estimates([table], 400, 1, [customers])
    (apart,) = estimates([table], 400, 1)
    assert together.value == apart.value == 0.5
    assert (together.lower, together.upper) == (0.0, 1.0)
    assert 0.3 < apart.lower < apart.upper < 0.7


def test_values_are_those_of_who_sees_a_random_slate(played: Plan) -> None:
    scored = pl.DataFrame({"customer_id": [1, 2, 1], "offer_id": [5, 5, 4], "value_ron": [1.0, 2.0, 3.0]})
    with played.warehouse(played.seeds[0], "random").connection() as connection:
        found = values_of(connection.from_arrow(scored.to_arrow()), pl.DataFrame({"customer_id": [1, 1, 3]}))
    assert found.rows() == [(1, 4, 3.0), (1, 5, 1.0)]


def test_without_the_uplift_policy_nobody_promises(played: Plan) -> None:
    found = promised_margins(played)
    assert found.is_empty()
    assert dict(found.schema) == SCHEMA


def test_every_policy_has_a_promise_where_the_uplift_policy_is_in_the_race(
    copied_experiment: Plan, tmp_path: Path
) -> None:
    """The logistic policy's path stands in for the uplift policy's, with values laid down by hand."""
    before = copied_experiment
    seed = before.seeds[0]
    before.path(seed, "logistic").rename(before.path(seed, "uplift"))
    plan = plan_experiment(before.settings, [Algorithm.UPLIFT], before.days, 1, before.start, "small")
    for day in plan.dates:
        choices = pl.read_parquet(plan.path(seed, "uplift") / "choices" / f"{day}.parquet")
        valued = choices.select("customer_id", "offer_id", value_ron=pl.lit(0.25, dtype=pl.Float32))
        path = plan.path(seed, "uplift") / "valued" / f"{day}.parquet"
        path.parent.mkdir(exist_ok=True)
        valued.write_parquet(path)
    found = promised_margins(plan)
    assert dict(found.schema) == SCHEMA
    assert found["policy"].to_list() == ["uplift", "random", "oracle"]
    own = found.row(0, named=True)
    assert own["valued_share"] == 1.0
    assert own["promised_ron"] == pytest.approx(1000 * 0.25 * own["offers_per_slate"])
    assert own["miss_ron"] == pytest.approx(own["promised_ron"] - own["true_ron"])
    assert found["slates"].n_unique() == 1
    oracle = found.row(2, named=True)
    assert oracle["valued_share"] < 1.0
    page = write_report(plan, results(plan), scoreboard(plan), found).read_text("utf-8")
    assert f"| uplift | {own['offers_per_slate']:.1f} | 100% | {own['promised_ron']:,.0f} (" in page
