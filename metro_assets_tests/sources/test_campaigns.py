"""What a flyer says: the gift and the unit by name, and free units of nothing that lasts."""

from datetime import date

import polars as pl
import pytest

from metro_assets.sources.synthetic.campaigns import live_offers
from metro_assets.sources.synthetic.catalogue import build_catalogue
from metro_assets.vocabulary import Benefit, Category, OfferMechanic


@pytest.fixture(scope="module")
def offers() -> pl.DataFrame:
    """Live offers with the name and the unit of their lead product and the name of their gift."""
    catalogue = build_catalogue(2000, 42)
    live = live_offers(catalogue, 42, date(2026, 3, 2).toordinal(), 600)
    products = catalogue.frame.select("product_id", product="name", unit="unit")
    leads = live.products_frame.filter("is_anchor").join(products, on="product_id").drop("product_id")
    gifts = products.select(gift_product_id="product_id", gift="product")
    return live.frame.join(leads, on="offer_id").join(gifts, on="gift_product_id", how="left")


def test_a_title_names_the_lead_product_and_starts_as_a_sentence_does(offers: pl.DataFrame) -> None:
    assert offers["name"].str.contains(r"^[\p{Lu}\d-]").all()
    assert offers.select(pl.col("name").str.contains(pl.col("product"), literal=True)).to_series().all()


def test_a_gift_is_named_and_counted_in_the_unit_of_what_is_bought(offers: pl.DataFrame) -> None:
    gifts = offers.filter(pl.col("benefit") == Benefit.GIFT)
    bought = pl.format(" {} la {} {} {}", "gift", pl.col("minimum_quantity").cast(pl.Int64), "unit", "product")
    assert set(gifts["unit"]) >= {"kg", "bax", "buc"}
    assert gifts.select(pl.col("name").str.contains(bought, literal=True)).to_series().all()


def test_an_unlocked_tier_starts_at_the_first_unit_of_sale(offers: pl.DataFrame) -> None:
    unlocked = offers.filter(pl.col("benefit") == Benefit.TIER_UNLOCK)
    first = pl.when(pl.col("unit") == "buc").then(pl.lit("prima bucată:")).otherwise(pl.format("primul {}:", "unit"))
    assert unlocked.height > 20
    assert unlocked.select(pl.col("name").str.contains(first, literal=True)).to_series().all()


def test_what_lasts_has_no_free_units(offers: pl.DataFrame) -> None:
    bonus = offers.filter(pl.col("mechanic") == OfferMechanic.VOLUME_BONUS)
    durable = {Category.HORECA_EQUIPMENT, Category.ELECTRONICS_APPLIANCES, Category.KITCHEN_TABLEWARE}
    assert bonus.height > 20
    assert not set(bonus["category"]) & {str(category) for category in durable}
