"""The embedding strategy on hand-made spaces: its order, its ties, its cut, who may be shown what, and its absence."""

import sys
from collections.abc import Sequence

import numpy as np
import pytest

from metro_assets.candidates import embedding
from metro_assets.candidates.market import open_market
from metro_assets.candidates.pool import pool
from metro_assets.candidates.strategies import STRATEGIES
from metro_assets.config import Candidates, ConfigurationError, load_settings
from metro_assets.vocabulary import Segment, Strategy
from metro_assets_tests.frames import (
    DAY,
    Row,
    connection,
    customer,
    described_offer,
    listed_for,
    offer,
    offer_product,
    product,
    purchases,
    relation,
)

UNWEIGHTED = Candidates(embedding_popularity_weight=0.0)
BY_MARGIN = (Strategy.HIGH_MARGIN,)


def product_vector(product_id: int, *context: float) -> Row:
    return {
        "run_date": DAY,
        "product_id": product_id,
        "vector": [0.0] * len(context),
        "context_vector": list(context),
        "basket_count": 9,
        "is_cold": False,
    }


def customer_vector(customer_id: int, *vector: float) -> Row:
    return {"run_date": DAY, "customer_id": customer_id, "vector": list(vector)}


FOUR = [product_vector(1, 0.1), product_vector(2, 0.3), product_vector(3, 0.2), product_vector(4, 0.3)]
"""Offer n covers product n: for who buys along the axis the order is 2, 4, 3, 1."""


def tables(**given: Sequence[Row]) -> dict[str, Sequence[Row]]:
    numbers = (1, 2, 3, 4)
    rows: dict[str, Sequence[Row]] = {
        "customers": [customer()],
        "offers": [offer(number) for number in numbers],
        "offer_products": [offer_product(number, number) for number in numbers],
        "offer_audience": [],
        "offer_features": [described_offer(number) for number in numbers],
        "customer_products": [],
        "products": [product(number) for number in numbers],
        "product_vectors": FOUR,
        "customer_vectors": [customer_vector(1, 1.0)],
    }
    return rows | given


def found(settings: Candidates = UNWEIGHTED, **given: Sequence[Row]) -> dict[int, list[int]]:
    """Offers of each customer by rank."""
    with connection() as database:
        market = open_market(DAY, *(relation(database, name, rows) for name, rows in tables(**given).items()))
        rows = STRATEGIES[Strategy.EMBEDDING](market, DAY, settings).fetchall()
    by_customer: dict[int, list[int]] = {}
    for customer_id, offer_id, rank in sorted(rows, key=lambda row: (row[0], row[2])):
        by_customer.setdefault(customer_id, []).append(offer_id)
        assert rank == len(by_customer[customer_id])
    return by_customer


def test_offers_are_ranked_by_the_in_out_product_ties_by_id() -> None:
    assert found() == {1: [2, 4, 3, 1]}
    assert found(customer_vectors=[customer_vector(1, -1.0)]) == {1: [1, 3, 2, 4]}


def test_scores_that_differ_by_rounding_only_are_ties() -> None:
    vectors = [product_vector(1, 0.3), product_vector(2, 0.30000001), *FOUR[2:]]
    assert found(product_vectors=vectors) == {1: [1, 2, 4, 3]}


def test_an_offer_is_the_mean_of_its_products() -> None:
    # offer 1: (.1 + .3 + .3) / 3 = .23; offer 3: .2; offer 2: .3
    covers = [offer_product(1, item) for item in (1, 2, 4)] + [offer_product(2, 2), offer_product(3, 3)]
    offers = [offer(number) for number in (1, 2, 3)]
    assert found(offers=offers, offer_products=covers) == {1: [2, 1, 3]}


def test_what_was_bought_is_left_to_repeat_purchase() -> None:
    assert found(customer_products=[purchases(1, 2)]) == {1: [4, 3, 1]}


def test_popularity_in_the_segment_counts_by_its_weight() -> None:
    customers = [customer(1), customer(2), customer(3, segment=Segment.TRADER)]
    given = {
        "customers": customers,
        "customer_products": [purchases(2, 1)],
        "customer_vectors": [customer_vector(number, 1.0) for number in (1, 2, 3)],
    }
    assert found(**given) == {1: [2, 4, 3, 1], 2: [2, 4, 3], 3: [2, 4, 3, 1]}
    # log(.5 + .001) - log(.001) = 6.2, times .1 is more than .2; a trader's peers bought nothing
    weighted = found(Candidates(embedding_popularity_weight=0.1), **given)
    assert weighted == {1: [1, 2, 4, 3], 2: [2, 4, 3], 3: [2, 4, 3, 1]}


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("limit", ["per_strategy", "embedding_offers"])
def test_equals_are_cut_at_either_limit_by_id(limit: str, most: int) -> None:
    assert found(UNWEIGHTED.model_copy(update={limit: most})) == {1: [2, 4, 3, 1][:most]}


def test_only_offers_that_may_be_shown_are_found() -> None:
    offers = [offer(1, store_ids=[2]), offer(2, is_listed=True), offer(3, is_personal=True), offer(4)]
    customers = [
        customer(1, store_id=1),
        customer(2, store_id=2, has_email_consent=False),
        customer(3, registered_date=DAY),
    ]
    vectors = [customer_vector(number, 1.0) for number in (1, 2, 3)]
    audience = [listed_for(2, 2)]
    answer = found(offers=offers, customers=customers, customer_vectors=vectors, offer_audience=audience)
    assert answer == {1: [4, 3], 2: [2, 4, 1]}


def test_who_or_what_has_no_vector_is_not_found() -> None:
    assert found(customers=[customer(1), customer(2)]) == {1: [2, 4, 3, 1]}
    assert found(product_vectors=FOUR[:2]) == {1: [2, 1]}
    assert found(customer_vectors=[]) == {}
    assert found(product_vectors=[]) == {}
    assert found(offers=[], offer_products=[], offer_features=[]) == {}


def test_blocks_of_customers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    given = {
        "customers": [customer(number) for number in range(1, 12)],
        "customer_vectors": [customer_vector(number, *random.normal(size=3)) for number in range(1, 12)],
        "product_vectors": [product_vector(number, *random.normal(size=3)) for number in (1, 2, 3, 4)],
        "customer_products": [purchases(owner, owner % 4 + 1) for owner in range(2, 12)],
        "offers": [offer(1), offer(2), offer(3, is_listed=True), offer(4)],
        "offer_audience": [listed_for(3, owner) for owner in (1, 5, 6, 11)],
    }
    whole = found(**given)
    monkeypatch.setattr(embedding, "BLOCK_CELLS", 8)
    assert found(**given) == whole


# the pool without it ----------------------------------------------------------------------------------------------


def pooled(settings: Candidates, **given: Sequence[Row]) -> list[tuple[int, int | None, int | None]]:
    with connection() as database:
        market = open_market(DAY, *(relation(database, name, rows) for name, rows in tables(**given).items()))
        rows = pool(market, DAY, settings).select("offer_id", "high_margin_rank", "embedding_rank").fetchall()
    return sorted(rows)


def test_a_strategy_that_is_off_leaves_its_column_null() -> None:
    bought = {"customer_products": [purchases(1, 1)]}
    assert pooled(UNWEIGHTED, **bought) == [(1, 1, None), (2, None, 1), (3, None, 3), (4, None, 2)]
    assert pooled(Candidates(strategies=BY_MARGIN), **bought) == [(1, 1, None)]
    without = pooled(Candidates(), **bought, product_vectors=[], customer_vectors=[])
    assert without == [(1, 1, None), (2, None, None), (3, None, None), (4, None, None)]


def test_without_the_extra_the_other_strategies_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Candidates().strategies == tuple(Strategy)
    monkeypatch.setitem(sys.modules, "gensim", None)
    assert Candidates().strategies == tuple(name for name in Strategy if name is not Strategy.EMBEDDING)
    with pytest.raises(ConfigurationError, match=r"embedding needs gensim.*pip install 'metro-assets\[phase2\]'"):
        load_settings(candidates={"strategies": ["embedding"]})
