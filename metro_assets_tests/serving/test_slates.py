"""Slates as JSON are what the tables say, customer for customer."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from metro_assets.config import Engine
from metro_assets.serving.queries import (
    OpenPublication,
    RecommendationReader,
    UnknownAlgorithmError,
    UnknownCustomerError,
    UnknownRunDateError,
)
from metro_assets.serving.schemas import Recommendation, Slate
from metro_assets.serving.slates import PIECE
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import RUN_DATE

pytestmark = pytest.mark.slow
ENGINE = Engine()
ROUNDED = ("score", "usual_unit_price_ron", "offer_unit_price_ron", "usual_quantity")


@pytest.fixture(scope="module")
def opened(ran: Path) -> Iterator[OpenPublication]:
    reader = RecommendationReader(ran, ENGINE)
    yield reader.in_force()
    reader.close()


def stored(ran: Path, algorithm: str, run_date: date = RUN_DATE) -> dict[int, list[dict[str, Any]]]:
    """The rows of the table recommendations by customer, best first."""
    warehouse = Warehouse(ran, ENGINE)
    with warehouse.connection() as connection:
        rows = (
            warehouse.read(connection, "recommendations", [run_date])
            .filter(duckdb.ColumnExpression("algorithm") == duckdb.ConstantExpression(algorithm))
            .order("customer_id, rank")
            .pl()
            .to_dicts()
        )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["customer_id"], []).append({name: row[name] for name in Recommendation.model_fields})
    return found


def plain(offer: dict[str, Any]) -> dict[str, Any]:
    return offer | {name: pytest.approx(offer[name], abs=1e-4) for name in ROUNDED}


@pytest.mark.parametrize("algorithm", ["boosted_trees", "logistic"])
def test_every_slate_is_what_the_table_says(ran: Path, opened: OpenPublication, algorithm: str) -> None:
    expected, slates = stored(ran, algorithm), opened.slates(algorithm)
    assert len(expected) > 50
    for customer_id, offers in expected.items():
        slate = Slate.model_validate_json(slates.json(customer_id))
        assert [offer.model_dump() for offer in slate.offers] == [plain(offer) for offer in offers]
        assert slate.customer.customer_id == customer_id
        assert (slate.algorithm, slate.run_date) == (algorithm, RUN_DATE)
        assert slate.is_champion == (algorithm == opened.publication.champion)
    assert slates.with_offers_after(-1, 10_000) == sorted(expected)


def test_some_customers_are_read_as_all_are(opened: OpenPublication) -> None:
    everybody = opened.slates()
    wanted = everybody.with_offers_after(-1, 7)[::2]
    some = opened.slates(None, wanted)
    assert [some.json(customer_id) for customer_id in wanted] == [everybody.json(customer_id) for customer_id in wanted]
    assert some.with_offers_after(-1, 100) == wanted


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (3, 3), (10, 10), (100, 10), (None, 10)])
def test_a_limit_keeps_the_best(opened: OpenPublication, limit: int | None, count: int) -> None:
    slate = json.loads(opened.slates().json(opened.some_customer(), limit))
    assert [offer["rank"] for offer in slate["offers"]] == list(range(1, count + 1))


def test_who_has_no_offer_is_known_and_told_why(opened: OpenPublication) -> None:
    slates = opened.slates()
    ids = range(1, 151)
    without = [customer_id for customer_id in ids if customer_id in slates and not slates.has_offers(customer_id)]
    assert without
    slate = opened.slate(without[0])
    assert slate.offers == []
    assert slate.shortfall == slates.shortfall(without[0])
    assert {slates.shortfall(customer_id) for customer_id in without} <= {
        "NO_CONSENT", "NO_CANDIDATES", "EXPOSURE_LIMIT", "ALREADY_REDEEMED", "CATEGORY_LIMIT"
    }  # fmt: skip


def test_who_does_not_exist_is_refused(opened: OpenPublication) -> None:
    assert 10**6 not in opened.slates()
    with pytest.raises(UnknownCustomerError, match="1000000"):
        opened.slate(10**6)
    with pytest.raises(UnknownCustomerError):
        opened.profile(10**6)
    with pytest.raises(UnknownAlgorithmError, match="choose one of boosted_trees, logistic"):
        opened.slates("oracle")


@pytest.mark.parametrize("count", [0, 1, 2, PIECE, PIECE + 1])
def test_many_slates_are_one_array(opened: OpenPublication, count: int) -> None:
    slates = opened.slates()
    wanted = slates.with_offers_after(-1, count)
    pieces = list(slates.json_array([*wanted, 10**6]))
    found = json.loads(b"".join(pieces))
    assert [slate["customer"]["customer_id"] for slate in found] == wanted
    assert len(pieces) == -(-count // PIECE) + 1


def test_a_past_run_date_is_read_from_its_publication_and_without_it_from_the_tables(copied: Path) -> None:
    past = RUN_DATE - timedelta(days=7)
    reader = RecommendationReader(copied, ENGINE)
    published = reader.on(past)
    customer_id = published.some_customer()
    for file in (copied / "serving").glob(f"recommendations-{past}*"):
        file.unlink()
    from_tables = RecommendationReader(copied, ENGINE).on(past)
    assert from_tables.publication.name == str(past)
    assert from_tables.slate(customer_id).offers == published.slate(customer_id).offers
    assert from_tables.profile(customer_id).monetary_ron == published.profile(customer_id).monetary_ron
    with pytest.raises(UnknownRunDateError, match=f"there are: {past}, {RUN_DATE}"):
        RecommendationReader(copied, ENGINE).on(date(2020, 1, 1))


def test_a_publication_is_followed_and_a_rollback_too(copied: Path) -> None:
    reader = RecommendationReader(copied, ENGINE)
    before = reader.in_force()
    customer_id = before.some_customer()
    other = next(name for name in before.algorithms if name != before.publication.champion)
    reader.publications.serve_algorithm(other)
    assert reader.in_force().slate(customer_id).algorithm == other
    assert before.slate(customer_id).algorithm != other
    reader.publications.rollback()
    assert reader.in_force().publication.run_date == RUN_DATE - timedelta(days=7)
    assert reader.on(RUN_DATE).publication.name == before.publication.name
