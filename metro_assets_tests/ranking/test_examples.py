"""Windows counted on the fingers, labels at the edges of their horizon, samples that stand for the whole."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Ranking
from metro_assets.ranking.examples import (
    NotEnoughHistoryError,
    labelled,
    load_examples,
    why_unfit,
    windows_before,
    with_customer_codes,
    with_offer_codes,
)
from metro_assets.sql import Relation
from metro_assets.vocabulary import CONTEXT_FEATURES, RANKING_FEATURES

SETTINGS = Ranking()
RUN_DATE = date(2026, 5, 18)
DAY = timedelta(days=1)
Table = Callable[..., Relation]


# windows ------------------------------------------------------------------------------------------------------------


def test_the_full_windows_end_where_the_newest_label_is_settled() -> None:
    # shown on 11 May, settled when 11 .. 17 May have passed: 7 test days from 5 May, 7 from 28 April, 42 from 17 March
    windows = windows_before(RUN_DATE, date(2025, 1, 1), SETTINGS)
    assert windows.test == (date(2026, 5, 5), date(2026, 5, 11))
    assert windows.validation == (date(2026, 4, 28), date(2026, 5, 4))
    assert windows.train == (date(2026, 3, 17), date(2026, 4, 27))
    assert windows.whole == (date(2026, 3, 17), date(2026, 5, 11))


def test_a_short_history_shortens_all_three() -> None:
    # 28 of 56 days are there: half of each window, rounded down: 3 test, 3 validation, the other 22 train
    windows = windows_before(RUN_DATE, date(2026, 5, 11) - 27 * DAY, SETTINGS)
    assert windows.test == (date(2026, 5, 9), date(2026, 5, 11))
    assert windows.validation == (date(2026, 5, 6), date(2026, 5, 8))
    assert windows.train == (date(2026, 4, 14), date(2026, 5, 5))


def test_the_shortest_history_leaves_a_day_to_validate_and_a_day_to_test() -> None:
    # 9 of 56 days: 7 * 9/56 = 1.1
    windows = windows_before(RUN_DATE, date(2026, 5, 11) - (SETTINGS.minimum_days - 1) * DAY, SETTINGS)
    assert windows.test == (date(2026, 5, 11), date(2026, 5, 11))
    assert windows.validation == (date(2026, 5, 10), date(2026, 5, 10))
    assert windows.train == (date(2026, 5, 3), date(2026, 5, 9))


@pytest.mark.parametrize("days", range(SETTINGS.minimum_days, 60))
def test_windows_touch_and_do_not_overlap_whatever_the_history(days: int) -> None:
    windows = windows_before(RUN_DATE, date(2026, 5, 11) - (days - 1) * DAY, SETTINGS)
    assert windows.train[1] + DAY == windows.validation[0] <= windows.validation[1]
    assert windows.validation[1] + DAY == windows.test[0] <= windows.test[1]
    assert (windows.test[1] - windows.train[0]).days + 1 == min(days, 56)


def test_too_short_a_history_says_what_there_is_and_from_when_on_it_is_enough() -> None:
    first_shown = date(2026, 5, 4)
    with pytest.raises(NotEnoughHistoryError) as refusal:
        windows_before(RUN_DATE, first_shown, SETTINGS)
    # 4 .. 11 May are 8 days; the ninth, 12 May, is settled on 19 May
    assert str(refusal.value) == (
        "8 days of impressions have a settled label at 2026-05-18, 9 are needed. Choose a run date from 2026-05-19 on"
    )
    assert windows_before(date(2026, 5, 19), first_shown, SETTINGS).test == (date(2026, 5, 12), date(2026, 5, 12))


def test_no_settled_day_at_all_is_none_not_less_than_none() -> None:
    with pytest.raises(NotEnoughHistoryError, match=r"^0 days of impressions"):
        windows_before(RUN_DATE, RUN_DATE, SETTINGS)


# labels -------------------------------------------------------------------------------------------------------------

SHOWN = date(2026, 5, 1)


def impression(impression_id: int = 1, customer_id: int = 1, offer_id: int = 1, shown: date = SHOWN) -> dict[str, Any]:
    return {
        "run_date": shown + DAY,
        "impression_id": impression_id,
        "slate_id": customer_id,
        "customer_id": customer_id,
        "offer_id": offer_id,
        "shown_date": shown,
    }


def redemption(day: date, recorded: date | None = None, customer_id: int = 1, offer_id: int = 1) -> dict[str, Any]:
    return {"run_date": day, "recorded_date": recorded or day, "customer_id": customer_id, "offer_id": offer_id}


def labels(table: Table, impressions: list[dict[str, Any]], redemptions: list[dict[str, Any]]) -> dict[int, int]:
    rows = labelled(table("training_examples", impressions), table("redemptions", redemptions), RUN_DATE, SETTINGS)
    found = rows.select("impression_id, label").fetchall()
    assert len(found) == len(impressions)
    return dict(found)


@pytest.mark.parametrize(("days_later", "label"), [(-1, 0), (0, 1), (6, 1), (7, 0)])
def test_a_redemption_counts_from_the_day_shown_to_the_last_day_of_the_horizon(
    table: Table, days_later: int, label: int
) -> None:
    assert labels(table, [impression()], [redemption(SHOWN + days_later * DAY)]) == {1: label}


@pytest.mark.parametrize(("recorded", "label"), [(RUN_DATE - DAY, 1), (RUN_DATE, 0), (RUN_DATE + DAY, 0)])
def test_a_redemption_counts_only_if_it_was_known_before_the_run_date(table: Table, recorded: date, label: int) -> None:
    assert labels(table, [impression()], [redemption(SHOWN, recorded)]) == {1: label}


def test_a_redemption_on_the_run_date_is_the_future(table: Table) -> None:
    unsettled = impression(shown=RUN_DATE - 3 * DAY)
    assert labels(table, [unsettled], [redemption(RUN_DATE, recorded=RUN_DATE - DAY)]) == {1: 0}
    assert labels(table, [unsettled], [redemption(RUN_DATE - DAY)]) == {1: 1}


def test_only_the_same_customer_and_offer_count(table: Table) -> None:
    others = [redemption(SHOWN, customer_id=2), redemption(SHOWN, offer_id=2)]
    assert labels(table, [impression()], others) == {1: 0}


def test_a_redemption_of_several_lines_is_one_label_and_labels_every_impression_before_it(table: Table) -> None:
    shown = [impression(1), impression(2, shown=SHOWN + 2 * DAY), impression(3, shown=SHOWN + 4 * DAY)]
    twice = [redemption(SHOWN + 3 * DAY), redemption(SHOWN + 3 * DAY)]
    assert labels(table, shown, twice) == {1: 1, 2: 1, 3: 0}


def test_without_impressions_or_redemptions_there_is_nothing_to_label(table: Table) -> None:
    assert labels(table, [], [redemption(SHOWN)]) == {}
    assert labels(table, [impression()], []) == {1: 0}


# samples ------------------------------------------------------------------------------------------------------------

LISTS, LIST_ROWS = 2_000, 5
WINDOW = (SHOWN, SHOWN + 6 * DAY)


def shown_lists(redeemed_share: float = 0.1) -> pl.DataFrame:
    """2,000 lists of five over seven days; every tenth has its second offer redeemed."""
    rows = LISTS * LIST_ROWS
    number, place = np.arange(rows) // LIST_ROWS, np.arange(rows) % LIST_ROWS
    has = (number % 1000) < redeemed_share * 1000
    return pl.DataFrame(
        {
            "impression_id": np.arange(rows),
            "slate_id": number,
            "customer_id": number,
            "offer_id": place + 1,
            "shown_date": [SHOWN + int(day) * DAY for day in number % 7],
            "position": place + 1,
            "policy": ["logging"] * rows,
            "label": (has & (place == 1)).astype(np.int8),
            **{name: np.arange(rows) % 97 + float(order) for order, name in enumerate(RANKING_FEATURES)},
        }
    )


@pytest.fixture(scope="module")
def rows(table: Table) -> Relation:
    return table("training_examples", shown_lists(), label="utinyint")


def test_under_the_cap_every_row_of_the_window_is_there_once(rows: Relation) -> None:
    for is_balanced in (False, True):
        part = load_examples(rows, WINDOW, seed=1, maximum_rows=LISTS * LIST_ROWS, is_balanced=is_balanced)
        assert sorted(part.impression_id) == list(range(LISTS * LIST_ROWS))
        assert set(part.weight) == {1.0}


def test_a_window_takes_its_days_and_no_others(rows: Relation) -> None:
    part = load_examples(rows, (SHOWN + DAY, SHOWN + 2 * DAY), seed=1, maximum_rows=LISTS * LIST_ROWS)
    assert set(part.shown_date.astype("datetime64[D]").tolist()) == {SHOWN + DAY, SHOWN + 2 * DAY}
    assert len(load_examples(rows, (RUN_DATE, RUN_DATE), seed=1, maximum_rows=1000)) == 0


@pytest.mark.parametrize("is_balanced", [False, True])
def test_beyond_the_cap_lists_are_kept_whole_and_stand_for_all(rows: Relation, is_balanced: bool) -> None:
    part = load_examples(rows, WINDOW, seed=1, maximum_rows=3000, is_balanced=is_balanced)
    lists, sizes = np.unique(part.list_id, return_counts=True)
    assert set(sizes) == {LIST_ROWS}
    # lists are drawn one by one: 600 expected, give or take a few times their square root
    assert len(lists) == pytest.approx(600, abs=75)
    assert part.weight.sum() == pytest.approx(LISTS * LIST_ROWS, rel=0.08)
    assert (part.weight * part.label).sum() == pytest.approx(200, rel=0.25)
    for chosen in lists[:20]:
        assert len(set(part.weight[part.list_id == chosen])) == 1


def test_a_uniform_sample_weighs_all_lists_the_same(rows: Relation) -> None:
    part = load_examples(rows, WINDOW, seed=1, maximum_rows=3000)
    # 3,000 of 10,000 rows
    assert set(part.weight) == {np.float32(10_000 / 3_000)}


def test_a_balanced_sample_keeps_all_redemptions_that_fit_into_half_of_it(rows: Relation) -> None:
    # 200 lists with a redemption are 1,000 rows, less than half of 3,000: all kept; the others share the 2,000 left
    part = load_examples(rows, WINDOW, seed=1, maximum_rows=3000, is_balanced=True)
    assert part.label.sum() == 200
    has = np.isin(part.list_id, part.list_id[part.label == 1])
    assert set(part.weight[has]) == {1.0}
    assert set(part.weight[~has]) == {np.float32(9_000 / 2_000)}


def test_a_balanced_sample_of_many_redemptions_gives_them_half(table: Table) -> None:
    # 1,000 lists each way, 5,000 rows each, for 2,000 places: 1,000 each, every list stands for five
    half = table("training_examples", shown_lists(redeemed_share=0.5), label="utinyint")
    part = load_examples(half, WINDOW, seed=1, maximum_rows=2000, is_balanced=True)
    assert set(part.weight) == {5.0}
    assert part.label.mean() * LIST_ROWS == pytest.approx(0.5, abs=0.08)


def test_where_redemptions_are_the_rule_they_get_the_room_that_the_others_leave(table: Table) -> None:
    # 1,900 lists with a redemption (9,500 rows), 100 without (500): all of these fit, the others get 4,000 - 500 places
    most = table("training_examples", shown_lists(redeemed_share=0.95), label="utinyint")
    part = load_examples(most, WINDOW, seed=1, maximum_rows=4000, is_balanced=True)
    has = np.isin(part.list_id, part.list_id[part.label == 1])
    assert set(part.weight[~has]) == {1.0}
    assert (~has).sum() == 500
    assert set(part.weight[has]) == {np.float32(9_500 / 3_500)}


def test_a_sample_is_the_same_for_a_seed_and_another_for_another(rows: Relation) -> None:
    first, again, other = (load_examples(rows, WINDOW, seed=seed, maximum_rows=3000) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.impression_id, again.impression_id)
    assert set(first.list_id) != set(other.list_id)


def test_the_order_of_stored_rows_does_not_matter(table: Table, rows: Relation) -> None:
    shuffled = table("training_examples", shown_lists().sample(fraction=1, shuffle=True, seed=3), label="utinyint")
    first, second = (load_examples(relation, WINDOW, seed=1, maximum_rows=3000) for relation in (rows, shuffled))
    np.testing.assert_array_equal(first.impression_id, second.impression_id)
    np.testing.assert_array_equal(first.features, second.features)


def test_rows_are_typed_ordered_and_their_gaps_are_nan(table: Table) -> None:
    two = [
        impression(2, offer_id=9) | {"label": 0, "position": None, "policy": "logging", "recency_days": None},
        impression(1, offer_id=4) | {"label": 1, "position": 3, "policy": "logging", "recency_days": 2.5},
    ]
    part = load_examples(table("training_examples", two, label="utinyint"), WINDOW, seed=1, maximum_rows=1000)
    assert part.impression_id.tolist() == [1, 2]
    assert part.features.dtype == part.position.dtype == part.weight.dtype == np.float32
    assert part.label.dtype == np.int8
    assert part.features.shape == (2, len(RANKING_FEATURES))
    np.testing.assert_array_equal(part.features[:, 0], [2.5, np.nan])
    np.testing.assert_array_equal(part.position, [3, np.nan])


# nothing to learn from ----------------------------------------------------------------------------------------------


def shown_on(table: Table, days: range, label: int) -> Relation:
    rows = [
        {
            "run_date": RUN_DATE - day * DAY,
            "shown_date": RUN_DATE - (day + 1) * DAY,
            "impression_id": day,
            "label": label,
        }
        for day in days
    ]
    return table("training_examples", rows, label="utinyint")


@pytest.mark.parametrize(
    ("days", "label", "why"),
    [
        (range(0), 0, "no impression is known"),
        (range(5), 1, "0 days of impressions have a settled label at 2026-05-18, 9 are needed"),
        (range(40), 0, "nothing that was shown from 2026-04-08 to 2026-05-03 is known to have been redeemed"),
        (range(40), 1, ""),
    ],
)
def test_why_nothing_can_be_fitted(table: Table, days: range, label: int, why: str) -> None:
    told = why_unfit(shown_on(table, days, label), RUN_DATE, SETTINGS)
    assert told.startswith(why)
    assert bool(told) == bool(why)


def test_rows_get_what_customer_and_offer_are_as_codes(table: Table) -> None:
    """The same word has the same code everywhere, another word another; single precision holds it."""
    rows = table("interaction_features", [{"customer_id": 1, "offer_id": 7}, {"customer_id": 2, "offer_id": 8}])
    customers = table(
        "customers",
        [
            {"customer_id": c, "segment": "HORECA", "business_type": t, "store_id": 3}
            for c, t in ((1, "BAR"), (2, "HOTEL"))
        ],
    )
    offers = table(
        "offers",
        [
            {
                "run_date": RUN_DATE - timedelta(days=back),
                "offer_id": o,
                "mechanic": m,
                "benefit": "GIFT",
                "category": "X",
            }
            for back in (0, 1)
            for o, m in ((7, "BIRTHDAY"), (8, "GIFT_INCENTIVE"))
        ],
    )
    anchors = [
        {"offer_id": o, "product_id": p, "is_anchor": a} for o, p, a in ((7, 5, True), (7, 6, False), (8, 5, True))
    ]
    coded = with_offer_codes(with_customer_codes(rows, customers), offers, table("offer_products", anchors))
    first, second = coded.select(*CONTEXT_FEATURES).order("segment_code").fetchall()
    same = [one == other for one, other in zip(first, second, strict=True)]
    assert dict(zip(CONTEXT_FEATURES, same, strict=True)) == {
        "segment_code": True,
        "business_type_code": False,
        "store_code": True,
        "mechanic_code": False,
        "benefit_code": True,
        "category_code": True,
        "anchor_code": True,
    }
    assert all(code == int(code) and 0 <= code < 2**24 for code in (*first, *second))
