"""A customer's history rewritten by a scenario: other orders, other lines, other prices; pure functions of frames.

Everything starts from purchases that were made: baskets are repeated or left out, lines are bought in other amounts,
and what is added is what the customer buys elsewhere or, in a category that is new, what most of the segment buys.
Nothing is dated on or after the run date, nothing is drawn at random but by a hash, so the same scenario is the same
history for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl

from metro_assets.dashboard.simulation.history import History
from metro_assets.dashboard.simulation.scenario import Scenario
from metro_assets.draws import uniform
from metro_assets.pricing import PriceTiers, reached_tier, tier_unit_price

ASSUMED_OFFER_ID = -1
"""The offer of a line that a scenario puts under one: no live offer has the number, so no rule takes it for one."""
MONEY, QUANTITY = pl.Decimal(12, 2), pl.Decimal(9, 3)
LEAST_QUANTITY = 0.001


@dataclass(frozen=True)
class Assortment:
    """What a scenario may add, as it stood that morning."""

    products: pl.DataFrame
    """product_id, name, category, the five columns of `pricing.PriceTiers`, and `usual_quantity` of who buys it."""
    popular: pl.DataFrame
    """segment, category, place (1 is bought by most), product_id."""


def changed(
    history: History, scenario: Scenario, assortment: Assortment, run_date: date, window_days: int, seed: int
) -> History:
    """The history that the scenario asks for; events that were not known before the run date are left out of it."""
    named = {"segment": scenario.as_segment, "business_type": scenario.as_type}
    customer = history.customer.with_columns(
        **{column: pl.lit(code) for column, code in named.items() if code is not None}
    )
    if not scenario.changes_history:
        return replace(history, customer=customer)
    first = run_date - timedelta(days=window_days)
    lines, unattached = _with_discounts(history, run_date)
    older, lines = lines.filter(pl.col("run_date") < first), lines.filter(pl.col("run_date") >= first)
    if scenario.every is not None:
        lines = in_rhythm(lines, scenario.every, run_date, window_days)
    for product_id, (times, last) in scenario.purchases.items():
        lines = with_product(lines, history.customer_id, product_id, times, last, assortment, run_date, window_days)
    if scenario.lines is not None:
        lines = with_line_count(lines, scenario.lines, set(scenario.purchases))
    if scenario.shares:
        segment = str(customer["segment"][0])
        lines = with_shares(lines, scenario.shares, segment, assortment)
    if scenario.basket is not None:
        lines = with_basket(lines, scenario.basket)
    if scenario.promo is not None:
        lines = with_promotion(lines, scenario.promo / 100, seed)
    if scenario.depth is not None:
        lines = with_depth(lines, scenario.depth / 100)
    lines = pl.concat([older, lines]).sort("run_date", "order_id", "product_id")
    return replace(
        history,
        customer=customer,
        orders=_orders_of(lines, history.orders),
        lines=lines.select(history.lines.columns),
        redemptions=_redemptions_of(lines, unattached, history.redemptions),
    )


def in_rhythm(lines: pl.DataFrame, every_days: float, run_date: date, window_days: int) -> pl.DataFrame:
    """The customer's own baskets, newest first and again from the newest, every so many days back from the last order.

    The last order stays where it was, unless it is longer ago than one step of the rhythm.
    """
    baskets = (
        lines.select("order_id", "run_date")
        .unique()
        .sort("run_date", "order_id", descending=True)
        .with_columns(basket=pl.int_range(pl.len()))
    )
    if baskets.is_empty():
        return lines
    recency = (run_date - baskets["run_date"][0]).days
    newest = max(min(recency, round(every_days)), 1)
    ages = [round(newest + step * every_days) for step in range(int((window_days - newest) / every_days) + 1)]
    dates = [run_date - timedelta(days=age) for age in ages if age <= window_days]
    repeated = pl.DataFrame(
        {
            "basket": [place % len(baskets) for place in range(len(dates))],
            "made_id": [-place - 1 for place in range(len(dates))],
            "made_date": dates,
        },
        schema={"basket": pl.Int64, "made_id": pl.Int64, "made_date": pl.Date},
    )
    made = lines.join(baskets.select("order_id", "basket"), on="order_id").join(repeated, on="basket")
    return made.with_columns(order_id="made_id", run_date="made_date", recorded_date="made_date").select(lines.columns)


def with_product(
    lines: pl.DataFrame,
    customer_id: int,
    product_id: int,
    times: int,
    last_days: int,
    assortment: Assortment,
    run_date: date,
    window_days: int,
) -> pl.DataFrame:
    """The lines with so many orders of a product, the newest so many days ago, the others evenly before it.

    They join the orders of their days; a day without an order gets one. Nothing is added for an unknown product.
    """
    own, rest = lines.filter(pl.col("product_id") == product_id), lines.filter(pl.col("product_id") != product_id)
    known = assortment.products.filter(pl.col("product_id") == product_id)
    if not times or known.is_empty():
        return rest
    days = _purchase_days(times, last_days, (run_date - day for day in rest["run_date"].unique()), window_days)
    order_of_day = dict(rest.group_by("run_date").agg(pl.col("order_id").max()).iter_rows())
    free_id = min([0, *rest["order_id"].to_list()]) - 1
    dates = [run_date - timedelta(days=age) for age in days]
    fresh = {day: free_id - place for place, day in enumerate(day for day in dates if day not in order_of_day)}
    terms = _terms_of(own) if len(own) else _listed_terms(known)
    made = pl.DataFrame(
        {"run_date": dates, "order_id": [order_of_day.get(day, fresh.get(day)) for day in dates]},
        schema={"run_date": pl.Date, "order_id": pl.Int64},
    )
    added = made.join(terms, how="cross").with_columns(
        customer_id=pl.lit(customer_id), recorded_date="run_date", offer_id=None, discount_ron=None
    )
    return _joined(rest, added)


def with_line_count(lines: pl.DataFrame, mean_lines: float, kept: set[int]) -> pl.DataFrame:
    """Orders with so many lines on average: shorter by what the customer buys least often, longer by what most often.

    An order gets no product twice, so a customer of few products has no longer orders than those.

    Parameters
    ----------
    kept : products whose lines are neither dropped nor added.
    """
    if lines.is_empty():
        return lines
    habit = lines.group_by("product_id").agg(orders=pl.len(), net=pl.col("net_ron").sum())
    ranked = lines.join(habit, on="product_id").with_columns(is_kept=pl.col("product_id").is_in(list(kept)))
    sizes = lines.group_by("order_id").agg(pl.len(), pl.col("run_date").first()).sort("run_date", "order_id")
    wanted = _rounded(sizes["len"].to_numpy() * mean_lines * len(sizes) / len(lines))
    sizes = sizes.with_columns(wanted=pl.Series(np.maximum(wanted, 1)))
    order = ["is_kept", "orders", "net", "product_id"]
    place = pl.struct(order).rank("ordinal", descending=True).over("order_id")
    shorter = (
        ranked.with_columns(place=place)
        .join(sizes.select("order_id", "wanted"), on="order_id")
        .filter((pl.col("place") <= pl.col("wanted")) | pl.col("is_kept"))
        .select(lines.columns)
    )
    shelf = (
        _terms_of(lines.filter(~pl.col("product_id").is_in(list(kept))))
        .join(habit, on="product_id")
        .sort(["orders", "net", "product_id"], descending=[True, True, False])
    )
    lacking = sizes.with_columns(lacking=pl.col("wanted") - pl.col("len")).filter(pl.col("lacking") > 0)
    added = (
        lacking.select("order_id", "lacking")
        .join(shelf, how="cross")
        .join(lines.select("order_id", "product_id"), on=["order_id", "product_id"], how="anti", maintain_order="left")
        .filter(pl.int_range(pl.len()).over("order_id") < pl.col("lacking"))
        .join(_heads(lines), on="order_id")
        .with_columns(offer_id=None, discount_ron=None)
    )
    return _joined(shorter, added)


def with_shares(lines: pl.DataFrame, shares: dict[str, float], segment: str, assortment: Assortment) -> pl.DataFrame:
    """The same spend, in other shares: named categories get theirs, the others what is left in their own proportions.

    A category that was not bought is begun with what most of the segment buys of it, one product an order in turn.
    """
    if lines.is_empty():
        return lines
    category_of = assortment.products.select("product_id", "category")
    spend = dict(
        lines.join(category_of, on="product_id")
        .group_by("category")
        .agg(pl.col("net_ron").sum().cast(pl.Float64))
        .rows()
    )
    total = sum(spend.values())
    begun = [name for name, share in shares.items() if share > 0 and not spend.get(name)]
    for name in begun:
        lines = _joined(lines, _begun(lines, name, segment, assortment))
    described = lines.join(category_of, on="product_id", maintain_order="left")
    now = dict(described.group_by("category").agg(pl.col("net_ron").sum().cast(pl.Float64)).rows())
    others = sum(amount for name, amount in now.items() if name not in shares)
    left = max(1.0 - sum(shares.values()), 0.0)
    factors = {
        name: (shares[name] * total / amount if amount else 1.0)
        if name in shares
        else (left * total / others if others else 1.0)
        for name, amount in now.items()
    }
    factor = pl.col("category").replace_strict(factors, return_dtype=pl.Float64)
    return _scaled(described.with_columns(factor=factor).filter(pl.col("factor") > 0)).select(lines.columns)


def with_basket(lines: pl.DataFrame, mean_ron: float) -> pl.DataFrame:
    """The same lines in other amounts, so that an order comes to so many RON on average."""
    total, orders = float(lines["net_ron"].sum() or 0), lines["order_id"].n_unique()
    if not total:
        return lines
    return _scaled(lines.with_columns(factor=pl.lit(mean_ron * orders / total))).select(lines.columns)


def with_promotion(lines: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    """The same lines, of which so large a share of the spend is bought under an offer; which, a hash decides.

    Lines that were come first. A line that is put under an offer is discounted as deep as the customer's others are.
    """
    if lines.is_empty():
        return lines
    order, product = lines["order_id"].to_numpy(), lines["product_id"].to_numpy()
    under = pl.col("offer_id").is_not_null()
    depth = _own_depth(lines)
    chosen = (
        lines.with_columns(
            chance=pl.Series(uniform(seed, "scenario", order.astype(np.int64), product.astype(np.int64)))
        )
        .sort(~under, "chance", "order_id", "product_id")
        .with_columns(reached=pl.col("net_ron").cast(pl.Float64).cum_sum() - pl.col("net_ron").cast(pl.Float64) / 2)
        .with_columns(is_chosen=pl.col("reached") < share * float(lines["net_ron"].sum()))
    )
    discount = pl.when(under).then("discount_ron").otherwise(_discount(depth))
    return chosen.with_columns(
        offer_id=pl.when("is_chosen").then(pl.col("offer_id").fill_null(ASSUMED_OFFER_ID)),
        discount_ron=pl.when("is_chosen").then(discount),
    ).select(lines.columns)


def with_depth(lines: pl.DataFrame, depth: float) -> pl.DataFrame:
    """Every line that was bought under an offer discounted so deep, at what was paid for it."""
    under = pl.col("offer_id").is_not_null()
    return lines.with_columns(discount_ron=pl.when(under).then(_discount(depth)))


def _with_discounts(history: History, run_date: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Known lines with the discount that was redeemed on them; redemptions of no line."""
    known = history.lines.filter(pl.col("recorded_date") < run_date)
    redeemed = history.redemptions.filter(pl.col("recorded_date") < run_date)
    key = ["order_id", "product_id"]
    lines = known.join(redeemed.select(*key, "discount_ron"), on=key, how="left", maintain_order="left")
    return lines.with_columns(pl.col("discount_ron").cast(MONEY)), redeemed.join(known, on=key, how="anti")


def _orders_of(lines: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """The headers of the lines' orders in the columns of a frame of orders."""
    made = lines.group_by("run_date", "order_id", "customer_id").agg(
        pl.col("recorded_date").min(), line_count=pl.len(), net_ron=pl.col("net_ron").sum()
    )
    return _shaped(made.with_columns(ordered_at="run_date"), like).sort("run_date", "order_id")


def _redemptions_of(lines: pl.DataFrame, unattached: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """One redemption per line that has a discount, and those of no line, in the columns of a frame of redemptions."""
    made = lines.filter(pl.col("offer_id").is_not_null() & pl.col("discount_ron").is_not_null())
    made = made.with_columns(redemption_id=-pl.int_range(pl.len()) - 1, redeemed_at="run_date")
    return pl.concat([unattached.select(like.columns), _shaped(made, like)])


def _shaped(rows: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """The rows in the columns and types of another frame, null where they have no such column."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in like.schema.items()
    )


def _joined(lines: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([lines, _shaped(added, lines)])


def _heads(lines: pl.DataFrame) -> pl.DataFrame:
    """One row per order: what its lines have in common."""
    return lines.group_by("order_id").agg(pl.col("run_date", "customer_id", "recorded_date").first())


def _terms_of(lines: pl.DataFrame) -> pl.DataFrame:
    """How each product was bought: mean quantity, mean price, the newest tier."""
    quantity, net = pl.col("quantity").cast(pl.Float64), pl.col("net_ron").cast(pl.Float64)
    terms = (
        lines.sort("run_date", "order_id")
        .group_by("product_id")
        .agg(
            quantity=quantity.mean().clip(LEAST_QUANTITY), price=net.sum() / quantity.sum(), tier=pl.col("tier").last()
        )
    )
    return _priced(terms)


def _listed_terms(products: pl.DataFrame) -> pl.DataFrame:
    """How products are bought at their listed price in their column `usual_quantity`."""
    quantity = products["usual_quantity"].to_numpy()
    tiers = PriceTiers(*(products[name].fill_null(np.nan).to_numpy() for name in PriceTiers._fields))
    return _priced(
        products.select(
            "product_id",
            quantity="usual_quantity",
            price=pl.Series(tier_unit_price(quantity, tiers)),
            tier=pl.Series(reached_tier(quantity, tiers)),
        )
    )


def _priced(terms: pl.DataFrame) -> pl.DataFrame:
    return terms.select(
        "product_id",
        pl.col("quantity").round(3).cast(QUANTITY),
        pl.col("price").round(2).cast(MONEY).alias("unit_price_ron"),
        (pl.col("quantity") * pl.col("price")).round(2).cast(MONEY).alias("net_ron"),
        pl.col("tier").cast(pl.Int8),
    )


def _begun(lines: pl.DataFrame, category: str, segment: str, assortment: Assortment) -> pl.DataFrame:
    """One line of the category in every order; none where nobody buys it."""
    popular = assortment.popular.filter((pl.col("segment") == segment) & (pl.col("category") == category)).sort("place")
    if popular.is_empty():
        return lines.clear()
    described = popular.select("product_id").join(assortment.products, on="product_id", maintain_order="left")
    terms = _listed_terms(described).with_columns(turn=pl.int_range(pl.len()))
    heads = _heads(lines).sort("run_date", "order_id").with_columns(turn=pl.int_range(pl.len()) % len(terms))
    return heads.join(terms, on="turn").with_columns(offer_id=None, discount_ron=None)


def _scaled(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines in `factor` times the amount."""

    def times(column: str, decimals: int, least: float, kind: pl.DataType) -> pl.Expr:
        amount = (pl.col(column).cast(pl.Float64) * pl.col("factor")).round(decimals)
        return pl.max_horizontal(amount, pl.lit(least)).cast(kind)

    return lines.with_columns(
        quantity=times("quantity", 3, LEAST_QUANTITY, QUANTITY),
        net_ron=times("net_ron", 2, 0.0, MONEY),
        discount_ron=pl.when(pl.col("discount_ron").is_not_null()).then(times("discount_ron", 2, 0.0, MONEY)),
    )


def _discount(depth: float) -> pl.Expr:
    """What was taken off a line that cost its net price after a discount of that depth."""
    return (pl.col("net_ron").cast(pl.Float64) * depth / (1.0 - depth)).round(2).cast(MONEY)


def _own_depth(lines: pl.DataFrame) -> float:
    """Mean depth of what was redeemed, weighted by money; zero where nothing was."""
    under = lines.filter(pl.col("offer_id").is_not_null() & pl.col("discount_ron").is_not_null())
    discount, paid = float(under["discount_ron"].sum() or 0), float(under["net_ron"].sum() or 0)
    return discount / (discount + paid) if discount else 0.0


def _purchase_days(times: int, last_days: int, order_ages: Iterable[timedelta], window_days: int) -> list[int]:
    """Ages in days of so many purchases: the newest as asked, the others near even steps, where there was an order."""
    ages = sorted({age.days for age in order_ages})
    times = min(times, window_days - last_days + 1)
    gap = (window_days - last_days) / times
    found = [last_days]
    for step in range(1, times):
        target = last_days + step * gap
        free = [age for age in ages if age > found[-1] and abs(age - target) < gap / 2]
        found.append(min(free, key=lambda age: abs(age - target)) if free else max(round(target), found[-1] + 1))
    return [age for age in found if age <= window_days]


def _rounded(sizes: np.ndarray) -> np.ndarray:
    """Whole numbers whose running sums are those of the sizes, rounded."""
    return np.diff(np.round(np.cumsum(sizes)), prepend=0.0).astype(np.int64)
