"""Drift worked by hand: the index of a known shift, what is never dropped, when it is called significant."""

from datetime import date, timedelta
from math import log

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Monitoring
from metro_assets.distributions import Reference, category_reference, quantile_reference
from metro_assets.monitoring.assets import _labels
from metro_assets.monitoring.drift import SCHEMA, Quantity, drift, severity, significant
from metro_assets.monitoring.pictures import draw_drift
from metro_assets.storage.contract import contract

LIMITS = Monitoring()
QUARTERS = quantile_reference(np.repeat([1.0, 2.0, 3.0, 4.0], 25), bins=4)
"""A hundred rows in four bins of a quarter each, up to 1, 2, 3 and above, none missing."""


def row(reference: Reference, current: list[float] | np.ndarray, kind: str = "FEATURE") -> dict:
    log_rows = drift({"depth": Quantity(kind, reference, np.asarray(current))}, LIMITS)
    assert len(log_rows) == 1
    return log_rows.row(0, named=True)


def index(before: list[float], now: list[float]) -> float:
    """Sum of (now - before) * ln(now / before) over shares."""
    return sum((n - b) * log(n / b) for b, n in zip(before, now, strict=True))


def test_the_same_sample_has_not_drifted() -> None:
    found = row(QUARTERS, np.repeat([1.0, 2.0, 3.0, 4.0], 25))
    assert (found["psi"], found["severity"]) == (0.0, "STABLE")
    assert found["reference_shares"] == found["current_shares"] == [0.25, 0.25, 0.25, 0.25, 0]


def test_a_sample_of_another_size_with_the_same_shares_has_not_drifted() -> None:
    found = row(QUARTERS, np.repeat([0.5, 2.0, 2.5, 400.0], 7))
    assert found["psi"] == pytest.approx(0)
    assert (found["reference_rows"], found["current_rows"]) == (100, 28)


def test_a_planted_shift_gives_the_value_worked_by_hand() -> None:
    # 25 25 25 25 becomes 10 20 30 40
    found = row(QUARTERS, np.repeat([1.0, 2.0, 3.0, 4.0], [10, 20, 30, 40]))
    assert found["psi"] == pytest.approx(index([0.25] * 4, [0.1, 0.2, 0.3, 0.4]))
    assert found["psi"] == pytest.approx(-0.15 * log(0.4) - 0.05 * log(0.8) + 0.05 * log(1.2) + 0.15 * log(1.6))
    assert found["severity"] == "MODERATE"
    assert found["current_shares"] == [0.1, 0.2, 0.3, 0.4, 0.0]


def test_values_that_went_missing_are_a_bin_of_their_own() -> None:
    # 25 25 25 25 0, with half a row added to each for the empty bin, becomes 20 20 20 20 20
    found = row(QUARTERS, [1.0] * 20 + [2.0] * 20 + [3.0] * 20 + [4.0] * 20 + [np.nan] * 20)
    expected = index([25.5 / 102.5] * 4 + [0.5 / 102.5], [0.2] * 5)
    assert found["psi"] == pytest.approx(expected)
    assert found["bins"] == ["up to 1", "1 to 2", "2 to 3", "above 3", "missing"]
    assert found["current_shares"][-1] == 0.2
    assert found["severity"] == "SIGNIFICANT"


def test_values_that_were_always_missing_and_still_are_have_not_drifted() -> None:
    found = row(quantile_reference([np.nan] * 50, bins=4), [np.nan] * 30)
    assert found["psi"] == 0
    assert found["bins"] == ["any", "missing"]


def test_a_category_that_was_never_seen_is_counted() -> None:
    # 60 40 0, with half a row added to each for the empty bin, becomes 50 40 10
    reference = category_reference(["a"] * 60 + ["b"] * 40)
    current = np.array(["a"] * 50 + ["b"] * 40 + ["new"] * 10)
    found = drift({"kind": Quantity("FEATURE", reference, current)}, LIMITS).row(0, named=True)
    expected = index([60.5 / 101.5, 40.5 / 101.5, 0.5 / 101.5], [0.5, 0.4, 0.1])
    assert found["psi"] == pytest.approx(expected)
    assert found["bins"] == ["a", "b", "unseen"]


def test_a_rate_of_redemptions_that_doubled() -> None:
    # one in ten becomes two in ten
    reference = category_reference(np.array([0] * 90 + [1] * 10, dtype=np.int8))
    found = row(reference, np.array([0] * 80 + [1] * 20, dtype=np.int8), "LABEL")
    assert found["psi"] == pytest.approx(0.1 * log(2) - 0.1 * log(80 / 90))
    assert (found["kind"], found["severity"]) == ("LABEL", "STABLE")


@pytest.mark.parametrize("outlier", [1e9, -1e9])
def test_one_outlier_does_not_hide_a_shift_of_thirty_percent(outlier: float) -> None:
    random = np.random.default_rng(1)
    usual = random.lognormal(0, 0.3, 5000)
    reference = quantile_reference(np.append(usual, outlier), bins=10)
    without = row(quantile_reference(usual, bins=10), random.lognormal(0, 0.3, 5000) * 1.3)
    found = row(reference, np.append(random.lognormal(0, 0.3, 5000) * 1.3, outlier))
    assert found["severity"] == without["severity"] == "SIGNIFICANT"
    assert found["psi"] == pytest.approx(without["psi"], rel=0.1)


@pytest.mark.parametrize(
    ("psi", "name"),
    [
        (0.0, "STABLE"),
        (np.nextafter(0.10, 0), "STABLE"),
        (0.10, "MODERATE"),
        (0.25, "MODERATE"),
        (np.nextafter(0.25, 1), "SIGNIFICANT"),
        (9.0, "SIGNIFICANT"),
    ],
)
def test_the_limits_of_severity(psi: float, name: str) -> None:
    assert severity(psi, LIMITS) == name


def test_few_rows_that_differ_by_chance_are_severe_but_no_alarm() -> None:
    # ten rows in four quarters: 1 1 3 5 of 10; 95 % of chance lies below (1/100 + 1/10) * chi-squared(3) = .86
    found = drift({"depth": Quantity("FEATURE", QUARTERS, np.repeat([1.0, 2.0, 3.0, 4.0], [1, 1, 3, 5]))}, LIMITS)
    assert found["psi"][0] == pytest.approx(index([0.25] * 4, [0.1, 0.1, 0.3, 0.5]))
    assert found["severity"][0] == "SIGNIFICANT"
    assert found["noise_psi"][0] == pytest.approx((1 / 100 + 1 / 10) * 7.8147, rel=1e-4)
    assert significant(found).is_empty()


def test_the_same_shares_of_many_rows_are_an_alarm() -> None:
    many = drift(
        {"depth": Quantity("FEATURE", QUARTERS, np.repeat([1.0, 2.0, 3.0, 4.0], [100, 100, 300, 500]))}, LIMITS
    )
    assert significant(many)["quantity"].to_list() == ["depth"]


def test_a_moderate_drift_is_no_alarm_however_many_rows() -> None:
    many = drift(
        {"depth": Quantity("FEATURE", QUARTERS, np.repeat([1.0, 2.0, 3.0, 4.0], [1000, 2000, 3000, 4000]))}, LIMITS
    )
    assert many["psi"][0] > many["noise_psi"][0]
    assert significant(many).is_empty()


def test_two_hundred_rows_without_drift_rarely_raise_an_alarm() -> None:
    random = np.random.default_rng(2)
    reference = quantile_reference(random.normal(size=200), bins=10)
    alarms = [
        not significant(drift({"depth": Quantity("FEATURE", reference, random.normal(size=200))}, LIMITS)).is_empty()
        for _ in range(100)
    ]
    assert np.mean(alarms) < 0.05


def test_quantities_come_by_name_as_the_log_has_them_and_one_without_rows_is_left_out() -> None:
    current = np.array([1.0, 2.0, np.nan])
    found = drift(
        {
            "score": Quantity("SCORE", QUARTERS, current),
            "depth": Quantity("FEATURE", QUARTERS, current.astype(np.float32)),
            "label": Quantity("LABEL", category_reference([0, 1]), np.empty(0)),
        },
        LIMITS,
    )
    assert found["quantity"].to_list() == ["depth", "score"]
    assert set(found.columns) == set(contract("drift_log").column_names)
    assert found.filter(pl.col("bins").list.len() != pl.col("current_shares").list.len()).is_empty()
    assert found["current_shares"].list.sum().to_list() == pytest.approx([1, 1])


def test_nothing_to_compare_is_an_empty_log() -> None:
    found = drift({}, LIMITS)
    assert dict(found.schema) == SCHEMA
    assert found.is_empty()


def test_the_picture_shows_what_moved_most_first() -> None:
    moved = {
        f"q{number}": Quantity("FEATURE", QUARTERS, np.repeat([1.0, 4.0], [50, 50 + 9 * number])) for number in range(6)
    }
    titles = [axes.get_title().split(":")[0] for axes in draw_drift(drift(moved, LIMITS), LIMITS).axes]
    assert titles == ["", "q5", "q4", "q3", "q2"]
    assert len(draw_drift(drift({}, LIMITS), LIMITS).axes) == 1


# the labels of the log ----------------------------------------------------------------------------------------------

RUN_DATE = date(2026, 5, 18)
DAY = timedelta(days=1)


def shown(impression_id: int, days_ago: int) -> dict:
    return {
        "impression_id": impression_id,
        "customer_id": 1,
        "offer_id": impression_id,
        "shown_date": RUN_DATE - days_ago * DAY,
    }


def redeemed(offer_id: int, days_ago: int, recorded_days_ago: int | None = None) -> dict:
    known = RUN_DATE - (days_ago if recorded_days_ago is None else recorded_days_ago) * DAY
    return {"customer_id": 1, "offer_id": offer_id, "run_date": RUN_DATE - days_ago * DAY, "recorded_date": known}


def labels(impressions: list[dict], redemptions: list[dict]) -> list[int]:
    nothing = pl.DataFrame(redemptions or [redeemed(0, 1)]).filter(pl.lit(bool(redemptions)))
    return _labels(pl.DataFrame(impressions), nothing, RUN_DATE).tolist()


def test_labels_are_of_the_seven_newest_days_whose_horizon_has_passed() -> None:
    # settled are 7 .. 13 days ago
    impressions = [shown(number, days_ago) for number, days_ago in enumerate((6, 7, 10, 13, 14))]
    assert labels(impressions, []) == [0, 0, 0]
    assert labels(impressions, [redeemed(number, 1) for number in range(5)]) == [1, 0, 0]


@pytest.mark.parametrize(
    ("redemption", "label"),
    [
        (redeemed(1, 11), 0),
        (redeemed(1, 10), 1),
        (redeemed(1, 4), 1),
        (redeemed(1, 3), 0),
        (redeemed(1, 4, recorded_days_ago=0), 0),
        (redeemed(2, 9), 0),
    ],
)
def test_a_label_of_the_log_is_that_of_the_rankers(redemption: dict, label: int) -> None:
    assert labels([shown(1, 10)], [redemption]) == [label]
