"""What becomes of the live offers of a run date under an algorithm: whom they reach, what that is worth, and why not.

Summed up over all customers once per publication and algorithm: at full size the ranks of 5.8 million candidates take
longer than a page may. `preparing.py` does it when a publication is taken up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import polars as pl

from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.kept import once
from metro_assets.pricing import OfferTerms, PriceTiers, offer_unit_price
from metro_assets.selection.rules import WEEK_DAYS, judged_candidates
from metro_assets.serving.queries import OpenPublication
from metro_assets.sql import Relation, briefly_stored, query, stored, values
from metro_assets.storage.errors import explained
from metro_assets.vocabulary import UNRANKED, Algorithm

KEPT_OVERLAPS, KEPT_CUSTOMERS = 10, 20
LAST_HALVING = 7
"""The lowest range of scores reaches from 0 to 1/2 to this power."""
EXPECTED = ("expected_redemptions", "expected_margin_ron", "expected_cost_ron")
KEPT, KEPT_PRODUCTS = 16, 400
"""Publications and algorithms, and offers with their products, whose answers are kept."""


@dataclass(frozen=True)
class OfferReach:
    """Who gets the live offers of a run date by an algorithm."""

    run_date: date
    algorithm: str
    has_probabilities: bool
    """The scores are probabilities; else nothing is expected of them."""
    customer_count: int
    """Customers with at least one offer."""
    offers: pl.DataFrame
    """One row per live offer: its terms and features, customer_count (zero: nobody gets it) and what is expected."""
    segments: pl.DataFrame
    """One row per offer and segment: customer_count and what is expected."""
    overlaps: pl.DataFrame
    """One row per offer and one of the offers that its customers get most: both_count, overlap_share (Jaccard)."""
    customers: pl.DataFrame
    """One row per offer and one of its customers with the highest scores."""


@dataclass(frozen=True)
class OfferFates:
    """What became of the candidates of the live offers by an algorithm."""

    offers: pl.DataFrame
    """One row per live offer: candidates by what became of them; median place and gap of those that were outranked."""
    scores: pl.DataFrame
    """One row per offer and range of scores: candidates, and those that got it."""


def offer_reach(desk: Desk, opened: OpenPublication, algorithm: str) -> OfferReach:
    """Who gets the live offers; raises WarehouseError where a table cannot be read."""
    return _reach(desk, opened.publication.name, opened.publication.run_date, algorithm)


def offer_fates(desk: Desk, opened: OpenPublication, algorithm: str) -> OfferFates | None:
    """What became of the candidates; None where the scores of the run date are not kept."""
    return _fates(desk, opened.publication.name, opened.publication.run_date, algorithm)


@once(KEPT_PRODUCTS)
def priced_products(desk: Desk, run_date: date, offer_id: int) -> pl.DataFrame:
    """One row per product of a live offer: its tiers and `offer_price_ron` from the offer's minimum quantity on."""
    with desk.reading() as connection, explained():
        tables = _tables(desk, connection, run_date, "offers", "offer_products", "products", "daily_prices")
        found: pl.DataFrame = query(__package__, "offer_products", parameters=values(offer_id=offer_id), **tables).pl()
    numbers = {
        name: found[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for name in (*PriceTiers._fields, *OfferTerms._fields)
        if name not in {"benefit", "stacks_with_tiers"}
    }
    terms = OfferTerms(
        benefit=found["benefit"].to_numpy(),
        stacks_with_tiers=found["stacks_with_tiers"].to_numpy(),
        **{name: numbers[name] for name in OfferTerms._fields[2:]},
    )
    quantity = np.where(np.isnan(terms.minimum_quantity), 1.0, terms.minimum_quantity)
    price = offer_unit_price(quantity, PriceTiers(*(numbers[name] for name in PriceTiers._fields)), terms)
    return found.with_columns(offer_price_ron=pl.Series(price, dtype=pl.Float64).fill_nan(None))


@once(KEPT)
def _reach(desk: Desk, publication: str, run_date: date, algorithm: str) -> OfferReach:
    del publication  # the sums of a run date that is published again are others
    with desk.reading() as connection, explained():
        chosen = stored(_of_algorithm(desk.table(connection, "recommendations", [run_date]), algorithm))
        live: pl.DataFrame = query(
            __package__,
            "live_offers",
            **_tables(
                desk, connection, run_date, "offers", "offer_products", "offer_audience", "offer_features", "products"
            ),
        ).pl()
        known = _tables(desk, connection, run_date, "customers", "candidate_margins")
        segments: pl.DataFrame = query(__package__, "offer_reach", chosen=chosen, **known).pl()
        overlaps = query(__package__, "offer_overlaps", chosen=chosen, parameters=values(kept=KEPT_OVERLAPS)).pl()
        customers = query(
            __package__,
            "offer_customers",
            chosen=chosen,
            customers=known["customers"],
            parameters=values(kept=KEPT_CUSTOMERS),
        ).pl()
        [(customer_count,)] = chosen.query("chosen", "select count(distinct customer_id) from chosen").fetchall()  # type: ignore[union-attr]
    has_probabilities = algorithm != UNRANKED
    if not has_probabilities:
        segments = segments.with_columns(expected_redemptions=pl.lit(None, pl.Float64))
    # A sum of nothing is not known rather than zero.
    sums = segments.group_by("offer_id").agg(
        pl.col("customer_count").sum(),
        *(pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()) for name in EXPECTED),
    )
    offers = live.join(sums, on="offer_id", how="left").with_columns(pl.col("customer_count").fill_null(0))
    return OfferReach(
        run_date,
        algorithm,
        has_probabilities,
        int(customer_count),
        offers.sort("offer_id"),
        segments,
        overlaps,
        customers,
    )


@once(KEPT)
def _fates(desk: Desk, publication: str, run_date: date, algorithm: str) -> OfferFates | None:
    del publication
    if not desk.warehouse.exists("scored_candidates", run_date):
        return None
    settings = desk.settings.selection
    with desk.reading() as connection, explained():
        judged = judged_candidates(
            _of_algorithm(desk.table(connection, "scored_candidates", [run_date]), algorithm),
            desk.table(connection, "offers", [run_date]),
            desk.table(connection, "customers"),
            desk.table(connection, "impressions", _days_before(run_date, WEEK_DAYS - 1)),
            desk.table(connection, "redemptions", _days_before(run_date, settings.redemption_days)),
            run_date,
            settings,
        )
        chosen = _of_algorithm(desk.table(connection, "recommendations", [run_date]), algorithm)
        parameters = values(
            slate_size=settings.slate_size,
            counts_money=algorithm == Algorithm.UPLIFT,
            explores=algorithm == Algorithm.THOMPSON,
            last_halving=LAST_HALVING,
        )
        with briefly_stored(
            query(__package__, "candidate_fates", judged=judged, chosen=stored(chosen), parameters=parameters)
        ) as fates:
            offers: pl.DataFrame = query(__package__, "offer_fates", fates=fates).pl()
            scores: pl.DataFrame = query(__package__, "offer_scores", fates=fates, parameters=parameters).pl()
    return OfferFates(offers, scores)


def _of_algorithm(rows: Relation, algorithm: str) -> Relation:
    return rows.filter(duckdb.ColumnExpression("algorithm") == duckdb.ConstantExpression(algorithm))


def _tables(desk: Desk, connection: duckdb.DuckDBPyConnection, run_date: date, *names: str) -> dict[str, Relation]:
    return {
        name: desk.table(connection, name, None if name in {"customers", "products"} else [run_date]) for name in names
    }


def _days_before(run_date: date, days: int) -> tuple[date, date]:
    return date.fromordinal(run_date.toordinal() - days), date.fromordinal(run_date.toordinal() - 1)
