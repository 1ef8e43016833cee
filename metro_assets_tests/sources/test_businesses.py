"""Who the businesses are on paper: names that agree, cities that exist."""

from datetime import date, timedelta

import polars as pl
import pytest

from metro_assets.sources.synthetic.businesses import build_businesses


@pytest.fixture(scope="module")
def customers() -> pl.DataFrame:
    return build_businesses(3000, 42, date(2026, 1, 5), 90).frame


def test_an_adjective_has_the_gender_of_its_noun(customers: pl.DataFrame) -> None:
    words = customers.filter(~pl.col("name").str.ends_with(" PFA"))["name"].str.split(" ")
    pairs = words.list.tail(2).list.to_struct(fields=["noun", "adjective"]).struct.unnest().unique()
    variable = pairs.filter(~pl.col("adjective").is_in(["Verde", "Mare"]))
    is_feminine_noun = variable["noun"].str.ends_with("a")
    is_feminine_adjective = variable["adjective"].str.contains("(ă|ie|Veche)$")
    assert variable.height > 600
    assert (is_feminine_noun == is_feminine_adjective).all()


def test_a_quarter_or_a_side_of_a_city_names_the_store_only(customers: pl.DataFrame) -> None:
    places = dict(customers.select("store_name", pl.struct("city", "county")).unique().iter_rows())
    assert places["METRO Pallady"] == {"city": "București", "county": "București"}
    assert places["METRO Otopeni"] == {"city": "Otopeni", "county": "Ilfov"}
    assert places["METRO Cluj-Napoca Est"] == {"city": "Cluj-Napoca", "county": "Cluj"}
    assert places["METRO Baia Mare"] == {"city": "Baia Mare", "county": "Maramureș"}


def test_the_businesses_asked_for_are_registered_by_the_end_of_the_history_and_more_come_after_it() -> None:
    registered = build_businesses(3000, 42, date(2026, 1, 5), 90).frame["registered_date"]
    assert (registered < date(2026, 1, 5) + timedelta(days=90)).sum() == 3000
    assert (registered < date(2026, 1, 5)).sum() == pytest.approx(3000 / (1 + 0.0004 * 90), rel=0.02)
    assert (registered >= date(2026, 1, 5) + timedelta(days=90)).sum() == round(3000 * 0.0004 * (730 - 90))
