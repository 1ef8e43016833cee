"""The world against the facts that it was built on: a page with tables and pictures, from the stored tables alone.

What belongs here: measuring and drawing. What does not: the behaviour (see `behaviour_facts`) and the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

TABLES = ("customers", "products", "offers", "orders", "order_items", "assignments", "impressions", "redemptions")
"""What the report reads."""

_PAIRS = """
create temp table pairs as
select customer_id, product_id, count(*) as days, min(run_date) as first_date, sum(net_ron) as net_ron
from order_items group by customer_id, product_id
"""
_PRODUCT_SALES = """
create temp table product_sales as
select product_id, sum(days) as lines, sum(net_ron) as net_ron from pairs group by product_id
"""
_DAILY_LINES = (
    "create temp table daily_lines as select run_date, sum(line_count) as lines from orders group by run_date"
)


def write_world_report(
    connection: duckdb.DuckDBPyConnection,
    relations: Mapping[str, duckdb.DuckDBPyRelation],
    command: str,
    page: Path,
) -> None:
    """Write the report as Markdown at `page`, its pictures beside it in a folder of the same name.

    Parameters
    ----------
    connection : the connection of the relations.
    relations : one per name in `TABLES`, over the whole history.
    command : the command that regenerates the page; printed on it.
    """
    for name in TABLES:
        relations[name].create_view(name, replace=True)
    for statement in (_PAIRS, _PRODUCT_SALES, _DAILY_LINES):
        connection.execute(statement)
    first, last = connection.sql("select min(run_date), max(run_date) from orders").fetchall()[0]
    facts = {
        query.name.removesuffix(".sql"): _measured(connection, query.read_text(encoding="utf-8"), last)
        for query in sorted(files(__package__).joinpath("facts_sql").iterdir(), key=lambda path: path.name)
        if query.name.endswith(".sql")
    }
    pictures = page.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    for name, draw in {"days": _draw_days, "weekdays": _draw_weekdays, "categories": _draw_categories}.items():
        _save(draw, facts[name], pictures / f"{name}.png")
    page.write_text(_page(facts, first, last, command, pictures.name), encoding="utf-8")


def _measured(connection: duckdb.DuckDBPyConnection, query: str, last: date) -> pl.DataFrame:
    frame: pl.DataFrame = connection.sql(query, params={"last_date": last} if "$last_date" in query else None).pl()
    return frame


def _page(facts: Mapping[str, pl.DataFrame], first: date, last: date, command: str, pictures: str) -> str:
    one = {name: frame.row(0, named=True) for name, frame in facts.items() if frame.height == 1}
    customers, orders = facts["visits"]["customers"].sum(), facts["visits"]["orders"].sum()
    lines_per_day = facts["days"].select(pl.col("lines").cast(pl.Float64).mean()).item()
    sections = [
        "# The world, measured",
        f"{customers:,} customers that bought, {first} to {last}: {orders:,} orders, {lines_per_day:,.0f} lines a day. "
        f"Regenerate with `{command}`. A fact marked (C) is from consumer data: its shape is the target, not its "
        "level. Sources are named in `docs/world.md`.",
        "## Visits and baskets",
        "The seed: HoReCa 3-5 visits a week with 30-80 lines, traders at medium frequency, SCO periodic.",
        _table(facts["visits"]),
        _facts_table(_visit_facts(one)),
        "## Week and season",
        "The seed: HoReCa peaks on Monday and Thursday; Christmas 2.5x, Orthodox Easter 1.8x, coast in summer.",
        f"![Visits and lines per day]({pictures}/days.png)",
        f"![Visits by weekday]({pictures}/weekdays.png)",
        "## Assortment and prices",
        f"![Categories]({pictures}/categories.png)",
        _table(facts["categories"]),
        _facts_table(_price_facts(one)),
        "## Offers",
        _table(facts["arms"]),
        _table(facts["redemptions"]),
        _facts_table(_offer_facts(one)),
    ]
    return "\n\n".join(sections) + "\n"


Fact = tuple[str, str, str]
"""Name, value here, target."""


def _visit_facts(one: Mapping[str, dict[str, Any]]) -> list[Fact]:
    return [
        ("customers' spend, Gini", f"{one['spend']['gini']:.2f}", ".52 (C)"),
        ("customers' spend, top 10 %", f"{one['spend']['top_10_percent_share']:.0%}", "34 % (C)"),
        ("bought before, share of lines", f"{one['repeats']['repeat_share']:.2f}", ".40-.48 (C)"),
        ("pairs bought once only", f"{one['repeats']['pairs_bought_once_share']:.0%}", "75 % (C)"),
        ("gaps between visits, CV p5 / p50 / p95", _numbers(one["gaps"]["variation"]), ".57 / .87 / 1.55 (C)"),
        ("spend entropy, nats, p5 / p50 / p95", _numbers(one["entropy"]["entropy"]), ".84 to 1.86 (C, 24 departments)"),
    ]


def _price_facts(one: Mapping[str, dict[str, Any]]) -> list[Fact]:
    tiers = one["tiers"]
    return [
        ("tier 2 below base, p5 / p50 / p95", _numbers(tiers["tier2"]), ".05 to .15 (seed)"),
        ("tier 3 below base, p5 / p50 / p95", _numbers(tiers["tier3"]), ".15 to .35 (seed)"),
        ("deepest tier", f"{tiers['deepest']:.2f}", "at most .40 (seed)"),
        ("products with three tiers", f"{tiers['three_tier_share']:.0%}", "2 or 3 tiers (seed)"),
        ("product popularity, Gini", f"{one['popularity']['gini']:.2f}", ".81 (C)"),
        ("top 1 % of products, share of lines", f"{one['popularity']['top_1_percent_share']:.0%}", "31 % (C)"),
        ("top 10 % of products, share of lines", f"{one['popularity']['top_10_percent_share']:.0%}", "72 % (C)"),
        ("own brands, share of lines", f"{one['own_brands']['line_share']:.0%}", "28 % (C)"),
        ("own brands, share of spend", f"{one['own_brands']['spend_share']:.0%}", "22 % (C)"),
    ]


def _offer_facts(one: Mapping[str, dict[str, Any]]) -> list[Fact]:
    redeemers, timing = one["redeemers"], one["timing"]
    return [
        ("share off the price, p25 / p50 / p75", _numbers(one["offer_depth"]["depth"]), ".16 / .25 / .37 (C)"),
        ("lines bought under an offer", f"{one['offer_lines']['offer_line_share']:.1%}", "50 % with any price cut (C)"),
        ("shown customers who ever redeem", f"{redeemers['ever_redeemed_share']:.0%}", "26 % (C)"),
        ("redemptions over shown customers, Gini", f"{redeemers['gini']:.2f}", ".87 (C)"),
        ("offers never redeemed", f"{redeemers['offers_never_redeemed_share']:.0%}", "53 % (C)"),
        ("redeemed at this share of validity, p50 / p90", _numbers(timing["moment"]), ".34 / .86 (C)"),
        ("depth where redeemed, p10 / p50 / p90", _numbers(timing["depth"]), ".12 / .22 / .46 (C)"),
    ]


def _numbers(values: list[float]) -> str:
    return " / ".join(f"{value:.2f}" for value in values)


def _facts_table(facts: list[Fact]) -> str:
    rows = [f"| {name} | {here} | {target} |" for name, here, target in facts]
    return "\n".join(["| fact | world | target |", "|---|--:|--:|", *rows])


def _table(frame: pl.DataFrame) -> str:
    rows = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in frame.iter_rows()]
    kinds = ["--:" if kind.is_numeric() else "---" for kind in frame.dtypes]
    return "\n".join(["| " + " | ".join(frame.columns) + " |", "|" + "|".join(kinds) + "|", *rows])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _save(draw: Any, frame: pl.DataFrame, path: Path) -> None:
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    draw(figure.subplots(), frame)
    figure.savefig(path, dpi=90, metadata={"Software": None})


def _draw_days(axes: Axes, frame: pl.DataFrame) -> None:
    axes.plot(frame["run_date"].to_list(), frame["lines"].cast(pl.Float64).to_list(), linewidth=1)
    axes.set_ylabel("lines a day")
    axes.set_ylim(bottom=0)


def _draw_weekdays(axes: Axes, frame: pl.DataFrame) -> None:
    for (segment,), rows in frame.group_by("segment", maintain_order=True):
        axes.plot(rows["weekday"].to_list(), rows["factor"].to_list(), marker="o", label=str(segment))
    axes.set_xticks(range(1, 8), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    axes.set_ylabel("visits over the mean day")
    axes.set_ylim(bottom=0)
    axes.legend()


def _draw_categories(axes: Axes, frame: pl.DataFrame) -> None:
    places = range(frame.height)
    axes.bar([place - 0.2 for place in places], frame["product_share"].to_list(), width=0.4, label="of products")
    axes.bar([place + 0.2 for place in places], frame["spend_share"].to_list(), width=0.4, label="of spend")
    names = [name.replace("_", " ").lower() for name in frame["category"]]
    axes.set_xticks(list(places), names, rotation=60, ha="right", fontsize=7)
    axes.set_ylabel("share")
    axes.legend()
