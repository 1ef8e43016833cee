"""Scores of candidates and impressions: as of their moment, alike by both ways, defined where nothing is known."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Sequences
from metro_assets.sequences.baskets import baskets_to_learn_from
from metro_assets.sequences.fitting import NextItemModel, fit_next_item
from metro_assets.sequences.scoring import no_examples, offer_scores, offer_sets, score_candidates, score_examples
from metro_assets.sql import Relation

Table = Callable[..., Relation]
SHOWN, CUTOFF = date(2026, 5, 18), date(2026, 5, 11)
SETTINGS = Sequences(
    dimension=8, most_baskets=6, maximum_epochs=2, batch_customers=8, customers_per_range=4, customers_per_block=3
)
CUSTOMERS, PRODUCTS = 9, 8


def purchases() -> list[dict[str, object]]:
    random = np.random.default_rng(5)
    return [
        {
            "run_date": (happened := SHOWN - timedelta(days=int(age))),
            "order_id": customer * 100 + int(age),
            "customer_id": customer,
            "product_id": int(product),
            "quantity": 1,
            "recorded_date": happened,
        }
        for customer in range(1, CUSTOMERS)
        for age in range(1, 40, 2)
        for product in random.choice(PRODUCTS, 2, replace=False)
    ]


@pytest.fixture(scope="module")
def files(table: Table) -> dict[str, bytes]:
    customers = table("customers", [{"customer_id": number} for number in range(1, CUSTOMERS + 1)])
    baskets = baskets_to_learn_from(table("order_items", purchases()), customers, CUTOFF, SETTINGS, seed=1)
    return fit_next_item(baskets, CUTOFF, SETTINGS, seed=1, threads=1).model.save()


def world(table: Table, rows: list[dict[str, object]]) -> tuple[Relation, Relation, Relation, Relation, Relation]:
    """Pool, impressions, products of three offers (the last of an unknown product), lines and customers."""
    pairs = [{"customer_id": c, "offer_id": o} for c in range(1, CUSTOMERS + 1) for o in (1, 2, 3)]
    shown = [
        {**pair, "impression_id": place, "slate_id": pair["customer_id"], "shown_date": SHOWN, "policy": "logging"}
        for place, pair in enumerate(pairs)
    ]
    products = [(1, 0), (1, 3), (2, 5), (3, 999)]
    offers = [{"run_date": SHOWN, "offer_id": offer, "product_id": product} for offer, product in products]
    customers = [{"customer_id": number} for number in range(1, CUSTOMERS + 1)]
    return (
        table("candidate_pool", pairs),
        table("training_examples", shown),
        table("offer_products", offers),
        table("order_items", rows),
        table("customers", customers),
    )


def of_candidates(files: dict[str, bytes], table: Table, rows: list[dict[str, object]]) -> pl.DataFrame:
    pool, _, offers, items, customers = world(table, rows)
    return score_candidates(files, pool, offers, items, customers, SHOWN, SETTINGS, threads=1)


def of_examples(files: dict[str, bytes], table: Table, rows: list[dict[str, object]]) -> pl.DataFrame:
    _, shown, offers, items, customers = world(table, rows)
    return score_examples(files, shown, offers, items, customers, SETTINGS, threads=1)


def test_an_offer_is_as_likely_as_its_products_together(files: dict[str, bytes]) -> None:
    model = NextItemModel.load(files)
    chances = np.full((1, PRODUCTS), np.log(1 / 8), dtype=np.float32)
    sets = offer_sets(model, [7, 7, 7, 8, 9], [0, 3, 4, 5, 999])
    assert sets.offer_id.tolist() == [7, 8]
    np.testing.assert_allclose(offer_scores(chances, sets), np.log([[3 / 8, 1 / 8]]), rtol=1e-6)
    assert offer_scores(chances, offer_sets(model, [], [])).shape == (1, 0)


def test_a_candidate_and_an_impression_of_the_same_morning_score_alike(files: dict[str, bytes], table: Table) -> None:
    candidates, impressions = of_candidates(files, table, purchases()), of_examples(files, table, purchases())
    np.testing.assert_allclose(
        candidates["next_item_score"].to_numpy(), impressions["next_item_score"].to_numpy(), rtol=1e-5
    )
    assert candidates.filter(pl.col("offer_id") == 3)["next_item_score"].null_count() == CUSTOMERS
    assert candidates.filter(pl.col("offer_id") < 3)["next_item_score"].null_count() == 0


def test_nothing_of_the_day_or_known_later_moves_a_score(files: dict[str, bytes], table: Table) -> None:
    line = purchases()[0]
    other = max(
        set(range(PRODUCTS)) - {row["product_id"] for row in purchases() if row["order_id"] == line["order_id"]}
    )
    later = [
        {**line, "run_date": SHOWN, "recorded_date": SHOWN, "order_id": 9_001, "product_id": 5},
        {**line, "run_date": SHOWN + timedelta(days=1), "recorded_date": SHOWN + timedelta(days=1), "order_id": 9_002},
        {**line, "recorded_date": SHOWN, "order_id": 9_003, "product_id": other},
    ]
    for scored in (of_candidates, of_examples):
        assert scored(files, table, purchases()).equals(scored(files, table, [*purchases(), *later]))
    known = {**later[2], "recorded_date": SHOWN - timedelta(days=1)}
    for scored in (of_candidates, of_examples):
        assert not scored(files, table, purchases()).equals(scored(files, table, [*purchases(), known]))


def test_a_customer_without_history_gets_the_popularity(files: dict[str, bytes], table: Table) -> None:
    model = NextItemModel.load(files)
    scores = of_candidates(files, table, purchases()).filter(pl.col("customer_id") == CUSTOMERS)
    expected = np.log(np.exp(model.log_popularity[[0, 3]]).sum())
    assert scores["next_item_score"][0] == pytest.approx(expected, rel=1e-5)


def test_without_a_network_every_score_is_null(table: Table) -> None:
    pool, _, offers, items, customers = world(table, purchases())
    scores = score_candidates(None, pool, offers, items, customers, SHOWN, SETTINGS, threads=1)
    assert scores["next_item_score"].null_count() == len(scores) == 3 * CUSTOMERS
    assert no_examples().is_empty()
