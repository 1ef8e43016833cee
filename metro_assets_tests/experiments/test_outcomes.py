"""What came of a policy: hand-worked margins, pairs with the control, estimates with their intervals."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from metro_assets.experiments.comparison import estimates, per_customer
from metro_assets.experiments.outcomes import concentration, differences, gini, level, line_margins
from metro_assets.experiments.plan import CONTROL, ORACLE, Plan
from metro_assets.experiments.promises import promised_margins
from metro_assets.experiments.report import write_report
from metro_assets.experiments.results import PAIRED, results
from metro_assets.experiments.scoreboard import scoreboard


def all_lines(plan: Plan, policy: str) -> pl.DataFrame:
    """Order lines of the played days with their margin."""
    warehouse = plan.warehouse(plan.seeds[0], policy)
    with warehouse.connection() as connection:
        lines = (
            warehouse.read(connection, "order_items", (plan.start, plan.end - timedelta(days=1)))
            .pl()
            .sort("run_date", "customer_id", "product_id")
            .with_row_index("line")
            .with_columns(pl.col("line").cast(pl.Int64), pl.col("quantity", "net_ron").cast(pl.Float64))
        )
        return lines.with_columns(margin_ron=line_margins(lines, warehouse, connection, plan))


def test_the_margin_of_a_line_is_net_minus_cost_plus_what_the_supplier_pays(played: Plan) -> None:
    lines = all_lines(played, CONTROL)
    warehouse = played.warehouse(played.seeds[0], CONTROL)
    with warehouse.connection() as connection:
        costs = warehouse.read(connection, "products").pl().filter(~pl.col("is_tagespreis"))
        offers = warehouse.read(connection, "offers", (played.start, played.end - timedelta(days=1))).pl()
        redemptions = warehouse.read(connection, "redemptions", (played.start, played.end - timedelta(days=1))).pl()
    costed = lines.join(costs.select("product_id", pl.col("cost_ron").cast(pl.Float64)), on="product_id")
    plain = costed.filter(pl.col("offer_id").is_null())
    expected = plain["net_ron"] - plain["cost_ron"] * plain["quantity"]
    assert plain["margin_ron"].to_numpy() == pytest.approx(expected.to_numpy())
    offered = (
        costed.join(offers.select("run_date", "offer_id", "benefit", "funding_share"), on=["run_date", "offer_id"])
        .filter(pl.col("benefit") != "GIFT")
        .join(redemptions.select("order_id", "product_id", "discount_ron"), on=["order_id", "product_id"])
    )
    assert len(offered) > 5
    funded = offered["discount_ron"].cast(pl.Float64) * offered["funding_share"].fill_null(0.0)
    expected = offered["net_ron"] - offered["cost_ron"] * offered["quantity"] + funded
    cent_per_unit = (0.005 * offered["quantity"] + 0.01).to_numpy()
    assert (np.abs((offered["margin_ron"] - expected).to_numpy()) <= cent_per_unit).all()


def test_differences_are_the_totals_of_the_two_paths(played: Plan) -> None:
    seed = played.seeds[0]
    own, control, found = (
        all_lines(played, "logistic"),
        all_lines(played, CONTROL),
        differences(played, seed, "logistic"),
    )
    assert found["margin_ron"].sum() == pytest.approx(own["margin_ron"].sum() - control["margin_ron"].sum())
    assert found["revenue_ron"].sum() == pytest.approx(own["net_ron"].sum() - control["net_ron"].sum())
    redeemed = own["offer_id"].count() - control["offer_id"].count()
    assert found["redemptions"].sum() == redeemed > 0


def test_the_margin_falls_apart_into_what_was_added_and_what_was_given_away(played: Plan) -> None:
    """No line is lost, for a shown offer takes no needed line away."""
    found = differences(played, played.seeds[0], "logistic")
    parts = found["added_margin_ron"] - found["anyway_cost_ron"]
    assert parts.sum() == pytest.approx(found["margin_ron"].sum())
    assert found["anyway_cost_ron"].sum() > 0


def test_the_control_differs_from_itself_in_nothing(played: Plan) -> None:
    seed = played.seeds[0]
    assert differences(played, seed, CONTROL).is_empty()
    assert level(played, seed).margin_ron == pytest.approx(all_lines(played, CONTROL)["margin_ron"].sum())


def test_gini_and_coverage() -> None:
    assert gini([3, 3, 3]) == pytest.approx(0)
    assert gini([0, 0, 0, 5]) == pytest.approx(3 / 4)
    assert gini([1, 2, 3]) == pytest.approx(2 * (1 * 1 + 2 * 2 + 3 * 3) / (3 * 6) - 4 / 3)
    assert np.isnan(gini([0, 0]))


def test_lots_spread_over_more_offers_than_the_oracle(played: Plan) -> None:
    lots, oracle = (concentration(played, played.seeds[0], policy) for policy in ("random", ORACLE))
    assert lots.coverage >= oracle.coverage
    assert lots.gini < oracle.gini
    assert 0 < oracle.impressions <= lots.impressions


def test_sums_per_customer_are_zero_where_nothing_differs() -> None:
    found = {"a": pl.DataFrame({"customer_id": [7, 3, 7], "margin_ron": [1.0, 5.0, 2.0]})}
    assert per_customer(found, [3, 5, 7], "margin_ron", ["a"]).tolist() == [[5.0], [0.0], [3.0]]


def test_an_estimate_is_the_mean_over_seeds_of_the_mean_over_customers() -> None:
    seeds = [np.array([[1.0], [3.0]]), np.array([[10.0], [np.nan], [20.0]])]
    (found,) = estimates(seeds, samples=200, seed=1)
    assert found.value == pytest.approx((2 + 15) / 2)
    assert 1 <= found.lower < found.value < found.upper <= 20


def test_differences_of_one_resample_leave_no_noise_where_two_policies_are_one() -> None:
    noise = np.random.default_rng(3).normal(size=(50, 1))
    (same,) = estimates([noise - noise], samples=100, seed=1)
    assert (same.value, same.lower, same.upper) == (0, 0, 0)


def test_an_interval_covers_the_mean_in_most_samples() -> None:
    generator = np.random.default_rng(11)
    covered = 0
    for number in range(40):
        (found,) = estimates([generator.normal(2, 1, (80, 1)) for _ in range(3)], samples=200, seed=number)
        covered += found.lower <= 2 <= found.upper
    assert covered >= 33


def test_the_report_has_every_policy_and_its_files(played: Plan) -> None:
    found = results(played)
    page = write_report(played, found, scoreboard(played), promised_margins(played))
    text = page.read_text("utf-8")
    for policy in ("logistic", "random", ORACLE):
        assert f"| {policy} |" in text
        for metric in (*PAIRED, "regret_ron", "coverage", "gini", "seconds_per_day"):
            assert np.isfinite(found.value(policy, metric).value), (policy, metric)
    assert found.value(ORACLE, "regret_ron").value == 0
    assert found.value(ORACLE, "incremental_margin_ron").value > found.value("logistic", "incremental_margin_ron").value
    written = pl.read_csv(page.with_name("experiment_results.csv"))
    assert written.equals(pl.read_parquet(page.with_name("experiment_results.parquet")).cast(dict(written.schema)))
    assert {"over-time.png", "balance.png", "experiment_days.csv"} <= {path.name for path in page.parent.iterdir()}
    last = found.days.filter(pl.col("policy") == ORACLE)["incremental_margin_ron"].sum()
    assert last == pytest.approx(found.value(ORACLE, "incremental_margin_ron").value)
