"""What came of a policy: its path beside that of the control, line by line, on the same random numbers.

A line of a policy's path is *added* where the control's has none, *kept* where both have it, *lost* where only the
control has it. What a kept line earns less is the cost of a discount given to who would have bought anyway: known
exactly, since both paths draw the same needs.
"""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO
from typing import NamedTuple

import duckdb
import numpy as np
import polars as pl

from metro_assets.experiments.plan import CONTROL, Plan, write_whole
from metro_assets.experiments.play import read_explored
from metro_assets.metrics import Floats, list_metrics
from metro_assets.pricing import OfferTerms, PriceTiers, unit_margin
from metro_assets.sources.synthetic.slates import EXPLORATION_POLICY
from metro_assets.sql import Relation, query, values
from metro_assets.storage.tables import Warehouse

DIFFERENCES = {
    "run_date": pl.Date,
    "customer_id": pl.Int32,
    "revenue_ron": pl.Float64,
    "margin_ron": pl.Float64,
    "redemptions": pl.Float64,
    "added_margin_ron": pl.Float64,
    "anyway_cost_ron": pl.Float64,
}
"""Per customer and day, policy minus control; what is not named is zero."""


class Level(NamedTuple):
    """What the control's customers did in all, so that differences can be seen in proportion."""

    customers: float
    revenue_ron: float
    margin_ron: float
    redemptions: float


class Concentration(NamedTuple):
    """How a policy spreads its impressions over the offers that were live while it played."""

    impressions: int
    coverage: float
    """Share of the offers that were shown at least once."""
    gini: float


def differences(plan: Plan, seed: int, policy: str) -> pl.DataFrame:
    """Policy minus control per customer and day, `DIFFERENCES`; computed once and kept."""
    path = plan.path(seed, policy) / f"differences-{plan.days}.parquet"
    if not path.exists():
        write_whole(path, _parquet(_differences(plan, seed, policy)))
    return pl.read_parquet(path)


def registered_customers(plan: Plan, seed: int) -> list[int]:
    """Ids of everybody who was a customer before the last day, ascending."""
    warehouse = plan.warehouse(seed, CONTROL)
    with warehouse.connection() as connection:
        return sorted(row[0] for row in warehouse.read(connection, "customers").select("customer_id").fetchall())


def level(plan: Plan, seed: int) -> Level:
    """Revenue, margin and redemptions of the control over the days played."""
    warehouse = plan.warehouse(seed, CONTROL)
    with warehouse.connection() as connection:
        lines = query(__package__, "offered_lines", order_items=_played(warehouse, connection, "order_items", plan))
        margins = line_margins(lines.pl(), warehouse, connection, plan)
        revenue, redemptions = lines.aggregate("sum(net_ron), count(offer_id)").fetchall()[0]
    return Level(len(registered_customers(plan, seed)), float(revenue), float(margins.sum()), int(redemptions))


def concentration(plan: Plan, seed: int, policy: str, days: tuple[date, date] | None = None) -> Concentration:
    """Coverage and Gini of the offers that the policy showed, on all days or from the first to the last of `days`."""
    warehouse = plan.warehouse(seed, policy)
    days = days or (plan.start, plan.end - timedelta(days=1))
    with warehouse.connection() as connection:
        counts = (
            query(
                __package__,
                "offers_shown",
                offers=warehouse.read(connection, "offers", days),
                impressions=warehouse.read(connection, "impressions", days),
                parameters=values(policy=policy),
            )
            .pl()["impression_count"]
            .to_numpy()
        )
    return Concentration(int(counts.sum()), float((counts > 0).mean()), gini(counts))


def shown_redemption_rate(plan: Plan, seed: int, policy: str, horizon_days: int) -> float:
    """Redemptions per offer that the policy showed on the settled days; NaN where it showed none."""
    warehouse = plan.warehouse(seed, policy)
    with warehouse.connection() as connection:
        shown, redeemed = query(
            __package__,
            "shown_outcomes",
            impressions=_played(warehouse, connection, "impressions", plan),
            redemptions=_played(warehouse, connection, "redemptions", plan),
            parameters=values(
                policy=policy, horizon_days=horizon_days, last_shown_date=plan.end - timedelta(days=horizon_days)
            ),
        ).fetchall()[0]
    return redeemed / shown if shown else float("nan")


def gini(counts: np.typing.ArrayLike) -> float:
    """Gini coefficient of counts: 0 where all are equal, 1 - 1/n where one has everything; NaN without any.

    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 8])
    (0.0, 0.75)
    """
    ordered = np.sort(np.asarray(counts, dtype=np.float64))
    if not ordered.sum():
        return float("nan")
    place = np.arange(1, len(ordered) + 1)
    return float(2 * (place * ordered).sum() / (len(ordered) * ordered.sum()) - (len(ordered) + 1) / len(ordered))


def exploration_ndcg(plan: Plan, seed: int, policy: str, horizon_days: int, cutoff: int) -> pl.DataFrame:
    """NDCG of the policy's scores on the random slates: slate_id and ndcg, of the slates with a redemption.

    These lists are the same for all policies, as their own slates are not. Only slates whose horizon has passed count.
    """
    rows = explored_with_labels(plan, seed, policy, horizon_days)
    rows = rows.filter(pl.col("score").is_not_null())
    if rows.is_empty():
        return pl.DataFrame(schema={"slate_id": pl.Int64, "ndcg": pl.Float64})
    judged = list_metrics(rows["slate_id"], rows["label"], rows["score"], rows["offer_id"], cutoff)
    lists = pl.DataFrame({"slate_id": judged.list_id, "ndcg": judged.ndcg})
    return lists.filter(pl.col("ndcg").is_not_nan())


def explored_with_labels(plan: Plan, seed: int, policy: str, horizon_days: int) -> pl.DataFrame:
    """The random slates of the settled days: shown_date, slate_id, customer_id, offer_id, label, propensity, score."""
    last = plan.end - timedelta(days=horizon_days)
    warehouse = plan.warehouse(seed, policy)
    with warehouse.connection() as connection:
        labelled: pl.DataFrame = query(
            __package__,
            "exploration_labels",
            impressions=_played(warehouse, connection, "impressions", plan),
            redemptions=_played(warehouse, connection, "redemptions", plan),
            parameters=values(policy=EXPLORATION_POLICY, horizon_days=horizon_days, last_shown_date=last),
        ).pl()
    scored = [
        read_explored(plan, seed, policy, day).with_columns(shown_date=pl.lit(day)) for day in plan.dates if day <= last
    ]
    if not scored:
        return labelled.with_columns(position=pl.lit(0), propensity=pl.lit(0.0), score=pl.lit(0.0))
    keys = ["shown_date", "customer_id", "offer_id"]
    return labelled.join(pl.concat(scored), on=keys, how="left").sort("shown_date", "slate_id", "position")


def line_margins(
    lines: pl.DataFrame, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, plan: Plan
) -> Floats:
    """Margin of every order line, RON: net of the goods' cost, with what the supplier pays and a gift costs.

    Under an offer it is `pricing.unit_margin`; without one, net minus cost, which is the same.
    """
    frame = query(
        __package__,
        "line_terms",
        lines=connection.from_arrow(lines.to_arrow()),
        products=warehouse.read(connection, "products"),
        daily_prices=_played(warehouse, connection, "daily_prices", plan),
        offers=_played(warehouse, connection, "offers", plan),
    ).pl()
    number = {
        name: frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for name in frame.columns
        if name not in {"benefit", "stacks_with_tiers", "has_offer"}
    }
    terms = OfferTerms(
        frame["benefit"].to_numpy().astype(np.str_),
        frame["stacks_with_tiers"].to_numpy(),
        *(number[name] for name in OfferTerms._fields[2:]),
    )
    tiers = PriceTiers(*(number[name] for name in PriceTiers._fields))
    under_offer = unit_margin(
        number["quantity"], tiers, terms, number["cost_ron"], number["funding_share"], number["gift_cost_ron"]
    )
    plain = number["net_ron"] - number["cost_ron"] * number["quantity"]
    margins: Floats = np.where(frame["has_offer"].to_numpy(), under_offer * number["quantity"], plain)
    return margins


def _differences(plan: Plan, seed: int, policy: str) -> pl.DataFrame:
    warehouse, control = plan.warehouse(seed, policy), plan.warehouse(seed, CONTROL)
    with warehouse.connection() as connection:
        differing: pl.DataFrame = query(
            __package__,
            "differing_lines",
            played=_played(warehouse, connection, "order_items", plan),
            control=_played(control, connection, "order_items", plan),
        ).pl()
        own, other = (_side(differing, prefix, warehouse, connection, plan) for prefix in ("", "control_"))
    is_own, is_other = differing["quantity"].is_not_null(), differing["control_quantity"].is_not_null()
    change = pl.Series(own["margin_ron"] - other["margin_ron"])
    rows = differing.select("run_date", "customer_id").with_columns(
        revenue_ron=own["net_ron"] - other["net_ron"],
        margin_ron=change,
        redemptions=own["redemptions"] - other["redemptions"],
        added_margin_ron=pl.when(is_own & ~is_other).then(change).otherwise(0.0),
        anyway_cost_ron=pl.when(is_own & is_other).then(-change).otherwise(0.0),
    )
    return (
        rows.group_by("run_date", "customer_id")
        .agg(pl.col(*[name for name in DIFFERENCES if name not in {"run_date", "customer_id"}]).sum())
        .sort("run_date", "customer_id")
        .select(pl.col(name).cast(kind) for name, kind in DIFFERENCES.items())
    )


def _side(
    differing: pl.DataFrame, prefix: str, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, plan: Plan
) -> pl.DataFrame:
    """Net, margin and redemptions of one side of differing lines, zero where it has no such line."""
    lines = (
        differing.with_row_index("line")
        .select(
            pl.col("line").cast(pl.Int64),
            "run_date",
            "product_id",
            *(pl.col(f"{prefix}{name}").alias(name) for name in ("quantity", "net_ron", "offer_id")),
        )
        .filter(pl.col("quantity").is_not_null())
    )
    margins = lines.select("line", "net_ron", redemptions=pl.col("offer_id").is_not_null().cast(pl.Float64))
    margins = margins.with_columns(margin_ron=line_margins(lines, warehouse, connection, plan))
    every = pl.DataFrame({"line": np.arange(len(differing))})
    return every.join(margins, on="line", how="left").sort("line").fill_null(0.0)


def _played(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, table: str, plan: Plan) -> Relation:
    last: date = plan.end - timedelta(days=1)
    return warehouse.read(connection, table, (plan.start, last))


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
