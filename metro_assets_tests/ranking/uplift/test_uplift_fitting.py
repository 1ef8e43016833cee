"""From the warehouse's rows to a stored model: outcomes at their edges, the choice, the scale, the value in RON."""

from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from metro_assets.config import Ranking, Uplift
from metro_assets.ranking.examples import NotEnoughHistoryError, Windows
from metro_assets.ranking.fitting import load_scorer
from metro_assets.ranking.uplift.effects import MEDIATED, Scale, load_uplift_model
from metro_assets.ranking.uplift.fitting import FirstFit, clustered_slope, fit_uplift, parsimonious
from metro_assets.ranking.uplift.scorer import UpliftScorer, incremental_margin
from metro_assets.ranking.uplift.trial import TrialSources, load_window, trial_windows, with_outcomes
from metro_assets.vocabulary import MARGIN_FEATURES, RANKING_FEATURES, Algorithm, Benefit
from metro_assets_tests.frames import (
    DAY,
    Row,
    ago,
    connection,
    daily_price,
    line,
    offer,
    offer_product,
    on_days,
    product,
    redemption,
    relation,
)

SHOWN = ago(10)
QUICK = Uplift(boosting_rounds=40, learning_rate=0.1, minimum_leaf_rows=50, minimum_effect_rows=100)


def outcome(lines: list[Row], redemptions: list[Row] = [], run_date: date = DAY, **given: list[Row]) -> Row:  # noqa: B006
    """Outcome of customer 1 and offer 1 (products 1 and 2), shown ten days before DAY."""
    tables = {
        "order_items": lines,
        "redemptions": redemptions,
        "offers": [offer(1, SHOWN, funding_share=0.5), offer(2, SHOWN)],
        "offer_products": [offer_product(1, 1, SHOWN), offer_product(1, 2, SHOWN, is_anchor=False)],
        "daily_prices": [],
        "products": [product(number) for number in (1, 2, 3)],
    } | given
    example = {"run_date": SHOWN + timedelta(days=1), "customer_id": 1, "offer_id": 1, "shown_date": SHOWN}
    with connection() as database:
        sources = TrialSources(*(relation(database, name, tables[name]) for name in TrialSources.__annotations__))
        examples = relation(database, "uplift_examples", [example])
        [row] = with_outcomes(examples, sources, run_date, horizon_days=7).pl().rows(named=True)
    return row


def summary(row: Row) -> tuple[int, int, float | None]:
    return row["is_bought"], row["is_redeemed"], row["margin_ron"]


def test_a_purchase_of_any_product_of_the_offer_counts_with_it_or_without() -> None:
    assert summary(outcome([line(ago(8), 2, quantity=3)])) == (1, 0, 3 * (10 - 6))
    assert summary(outcome([line(ago(8), 3), line(ago(8), 1, customer_id=2)])) == (0, 0, 0)


def test_the_horizon_has_seven_days_and_what_is_recorded_late_is_not_known() -> None:
    assert summary(outcome([line(ago(10))]))[0] == 1
    assert summary(outcome([line(ago(4))]))[0] == 1
    assert summary(outcome([line(ago(3))]))[0] == 0
    assert summary(outcome([line(ago(11))]))[0] == 0
    assert summary(outcome([line(ago(5), recorded_date=DAY)]))[0] == 0
    assert summary(outcome([line(ago(5))], run_date=ago(5)))[0] == 0


def test_a_redeemed_line_earns_its_price_less_cost_and_what_the_supplier_gives_back() -> None:
    bought = line(ago(8), quantity=4, unit_price_ron=9.00, offer_id=1)
    redeemed = redemption(1, ago(8), order_id=bought["order_id"], discount_ron=4.00)
    assert summary(outcome([bought], [redeemed])) == (1, 1, 4 * (9 - 6) + 0.5 * 4.00)
    other = redeemed | {"offer_id": 2}
    assert summary(outcome([bought | {"offer_id": 2}], [other])) == (1, 0, 4 * (9 - 6))


def test_a_gift_costs_the_company_its_cost_not_its_price() -> None:
    gifts = [offer(1, SHOWN, benefit=Benefit.GIFT, gift_product_id=3)]
    bought = line(ago(8), quantity=2, unit_price_ron=5.00, offer_id=1)  # 20 RON less a gift of 10
    redeemed = redemption(1, ago(8), order_id=bought["order_id"], discount_ron=10.00)
    assert summary(outcome([bought], [redeemed], offers=gifts)) == (1, 1, 2 * (10 - 6) - 6)


def test_costs_are_of_the_day_and_an_unknown_cost_is_an_unknown_margin() -> None:
    assert summary(outcome([line(ago(8))], daily_prices=[daily_price(1, ago(8), cost_ron=7.00)]))[2] == 10 - 7
    unknown = [product(1, cost_ron=None), product(2), product(3)]
    assert summary(outcome([line(ago(8))], products=unknown)) == (1, 0, None)


def test_an_offer_described_on_many_days_counts_once() -> None:
    days = [ago(day) for day in (10, 9, 8)]
    row = outcome(
        [line(ago(8))],
        offers=on_days([offer(1)], days),
        offer_products=on_days([offer_product(1, 1), offer_product(1, 2, is_anchor=False)], days),
    )
    assert summary(row) == (1, 0, 10 - 6)


# the choice and the scale ---------------------------------------------------------------------------------------------


def test_the_slope_by_hand() -> None:
    learned, target = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 1.0, 2.0])
    slope, error = clustered_slope(learned, target, np.array([1, 1, 2, 2]))
    assert slope == pytest.approx(3 / 5)  # sum (x - 1.5) y / sum (x - 1.5)^2
    residual = target - 1.0 - slope * (learned - 1.5)
    by_customer = [(-1.5) * residual[0] - 0.5 * residual[1], 0.5 * residual[2] + 1.5 * residual[3]]
    assert error == pytest.approx(np.hypot(*by_customer) / 5)
    assert clustered_slope(np.ones(4), target, np.arange(4)) == (0.0, np.inf)


def test_a_slope_is_shrunk_by_its_noise_and_never_negative() -> None:
    def scale(slope: float, error: float) -> Scale:
        return FirstFit({}, None, {}, "", slope, error).shrunk_scale(level=0.02, centre=0.5)

    assert scale(1.0, 0.5) == Scale(0.02, 0.5, 1.0 * (1 - 0.5**2))
    assert scale(0.5, 0.5).slope == scale(-3.0, 0.1).slope == 0.0
    assert FirstFit({}, None, {}, "", 1.0, 0.5).shrunk_scale(level=-0.01, centre=0.5).level == 0.0
    assert scale(1.0, 0.5).effect(np.array([0.5, 0.6])) == pytest.approx([0.02, 0.02 + 0.75 * 0.1])


def test_the_simpler_learner_stays_unless_another_is_better_beyond_chance() -> None:
    random = np.random.default_rng(1)
    noise, customers = random.standard_normal(1000), np.arange(1000)
    simple = (noise + 0.02) ** 2
    assert parsimonious({"simple": simple, "other": noise**2 + random.standard_normal(1000)}, customers) == "simple"
    assert parsimonious({"simple": simple + 1.0, "other": simple}, customers) == "other"


# the value ------------------------------------------------------------------------------------------------------------


def test_the_value_by_hand() -> None:
    # p, q = .30, .28; r, s = .05, .01; 4 RON a unit without, 3 with the offer; 6 units
    with_offer = (0.30 - 0.05) * 4 + 0.05 * 3
    without = (0.28 - 0.01) * 4 + 0.01 * 3
    found = incremental_margin(*(np.array([number]) for number in (0.30 - 0.28, 0.05 - 0.01, 4.0, 3.0, 6.0)))
    assert found == pytest.approx([6 * (with_offer - without)])


def test_where_all_who_are_shown_redeem_it_is_the_plain_difference() -> None:
    shown, held = 0.30, 0.20
    found = incremental_margin(*(np.array([number]) for number in (shown - held, shown, 4.0, 3.0, 1.0)))
    assert found == pytest.approx([shown * 3 - held * 4])


# a whole fit ----------------------------------------------------------------------------------------------------------


def labelled_frame(rows_a_day: int, effect: float, days: int = 12) -> pl.DataFrame:
    """Pairs of days: redemptions only by showing, of which half would not have bought else."""
    random = np.random.default_rng(5)
    rows = rows_a_day * days
    features = random.standard_normal((rows, len(RANKING_FEATURES))).astype(np.float32)
    shown = random.random(rows) < 0.5
    would_buy = random.random(rows) < 0.5
    redeemed = shown & (random.random(rows) < effect / (1 + np.exp(-3 * features[:, 2].astype(np.float64))))
    return pl.DataFrame(
        {
            "customer_id": random.integers(1, 400, rows),
            "offer_id": np.arange(rows),
            "shown_date": pl.Series([SHOWN + timedelta(days=int(day)) for day in np.arange(rows) % days]),
            "is_treated": shown,
            "treatment_probability": 0.5,
            "is_bought": (would_buy | redeemed).astype(np.uint8),
            "is_redeemed": redeemed.astype(np.uint8),
            "margin_ron": 0.0,
            **{name: features[:, place] for place, name in enumerate(RANKING_FEATURES)},
        }
    )


WINDOWS = Windows(
    (SHOWN, SHOWN + timedelta(days=6)),
    (SHOWN + timedelta(days=7), SHOWN + timedelta(days=8)),
    (SHOWN + timedelta(days=9), SHOWN + timedelta(days=11)),
)


def test_a_fit_finds_who_is_moved_and_comes_back_from_its_files() -> None:
    frame = labelled_frame(700, effect=0.4)
    with duckdb.connect() as database:
        labelled = database.from_arrow(frame.to_arrow())
        fitted = fit_uplift(labelled, WINDOWS, DAY, QUICK, seed=42, threads=1)
        again = fit_uplift(
            database.from_arrow(frame.sample(fraction=1, shuffle=True, seed=1).to_arrow()), WINDOWS, DAY, QUICK, 42, 1
        )
    assert fitted.model.files() == again.model.files()
    features = fitted.test.features
    bought = fitted.model.bought.of(features, threads=1)
    assert spearmanr(bought, features[:, 2]).statistic > 0.6
    assert bought.mean() == pytest.approx(0.4 * 0.5 * 0.5, abs=0.04)  # half of the features' sigmoid, half new
    loaded = load_uplift_model(fitted.model.files())
    assert np.array_equal(loaded.bought.of(features, 1), bought)
    assert set(fitted.metadata["uplift_metrics"]["test"]["is_bought"]) == {
        MEDIATED,
        "S",
        "T",
        "X",
        "DR",
        "redemption_probability",
    }
    scorer = load_scorer(Algorithm.UPLIFT, fitted.model.files())
    assert isinstance(scorer, UpliftScorer)
    assert scorer.feature_names == RANKING_FEATURES + MARGIN_FEATURES
    margins = np.tile(np.array([2.0, 4.0, 3.0], np.float32), (len(features), 1))
    margins[0, 1] = np.nan
    scored = scorer.scored(np.column_stack([features, margins]), threads=1)
    assert scored.value_ron is not None
    redeemed = fitted.model.redeemed.of(features, 1)
    assert scored.value_ron[1:] == pytest.approx(2.0 * (bought * 4.0 - redeemed * 1.0)[1:], rel=1e-5, abs=1e-6)
    assert np.isnan(scored.value_ron[0])
    assert ((scored.score >= 0) & (scored.score <= 1)).all()


def test_without_one_of_the_arms_nothing_is_fitted() -> None:
    frame = labelled_frame(30, effect=0.2).with_columns(is_treated=pl.lit(True))
    with duckdb.connect() as database, pytest.raises(NotEnoughHistoryError, match="hold-out"):
        fit_uplift(database.from_arrow(frame.to_arrow()), WINDOWS, DAY, QUICK, 42, 1)


def test_windows_have_the_trials_own_lengths() -> None:
    windows = trial_windows(DAY, date(2020, 1, 1), Uplift(), Ranking())
    assert windows.test == (DAY - timedelta(days=20), DAY - timedelta(days=7))
    assert windows.train[0] == DAY - timedelta(days=7 + 14 + 14 + 28 - 1)


def test_beyond_the_maximum_moments_are_kept_whole() -> None:
    frame = labelled_frame(200, effect=0.2).with_columns(customer_id=pl.col("customer_id") % 50)
    with duckdb.connect() as database:
        labelled = database.from_arrow(frame.to_arrow())
        everything, part = (load_window(labelled, WINDOWS.whole, 1, rows).frame for rows in (10_000, 1_000))
    assert len(everything) == len(frame)
    assert len(part) == pytest.approx(1_000, rel=0.25)
    moment = ["customer_id", "shown_date"]
    kept = part.select(moment).unique()
    assert len(everything.join(kept, on=moment, how="semi")) == len(part)
