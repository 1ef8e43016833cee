"""The order by incremental margin, under the limits of the greedy policy."""

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl

from metro_assets.config import Selection
from metro_assets.selection.policies import choose

SETTINGS = Selection(slate_size=3, maximum_per_category=2)
Pair = tuple[int, float, float | None, str]


def slate(pairs: Sequence[Pair], algorithm: str = "uplift") -> list[tuple[int, float | None]]:
    """Offers and values of the one customer's slate, best first."""
    rows = [(1, algorithm, offer_id, score, value, None, category) for offer_id, score, value, category in pairs]
    schema = {
        "customer_id": pl.Int32,
        "algorithm": pl.String,
        "offer_id": pl.Int32,
        "score": pl.Float32,
        "value_ron": pl.Float32,
        "log_odds_sd": pl.Float32,
        "category": pl.String,
    }
    eligible = pl.DataFrame(rows, schema=schema, orient="row")
    with duckdb.connect() as database:
        chosen = (
            choose(database.from_arrow(eligible.to_arrow()), date(2026, 5, 18), SETTINGS, seed=1, threads=1)
            .pl()
            .sort("rank")
        )
    assert chosen["propensity"].to_list() == [1.0] * len(chosen)
    assert chosen["rank"].to_list() == list(range(1, len(chosen) + 1))
    score_of = {offer_id: score for offer_id, score, _, _ in pairs}
    assert [round(score, 4) for score in chosen["score"]] == [score_of[number] for number in chosen["offer_id"]]
    return chosen.select("offer_id", "value_ron").rows()


def test_money_orders_not_probability() -> None:
    assert slate([(1, 0.9, 0.5, "A"), (2, 0.1, 2.0, "B"), (3, 0.5, 1.0, "C")]) == [(2, 2.0), (3, 1.0), (1, 0.5)]


def test_a_slate_is_full_and_what_costs_comes_last() -> None:
    assert slate([(1, 0.9, -3.0, "A"), (2, 0.1, -1.0, "B"), (3, 0.5, 1.0, "C")]) == [(3, 1.0), (2, -1.0), (1, -3.0)]


def test_an_unknown_value_comes_after_a_known_one_by_its_score() -> None:
    pairs = [(1, 0.2, None, "A"), (2, 0.9, None, "B"), (3, 0.1, -500.0, "C")]
    assert slate(pairs) == [(3, -500.0), (2, None), (1, None)]


def test_the_cap_of_a_category_and_ties_by_offer() -> None:
    assert [
        number for number, _ in slate([(4, 0.1, 3.0, "A"), (2, 0.1, 3.0, "A"), (3, 0.1, 9.0, "A"), (9, 0.1, 0.0, "B")])
    ] == [3, 2, 9]


def test_other_algorithms_are_ordered_by_their_score() -> None:
    assert slate([(1, 0.9, None, "A"), (2, 0.1, None, "B")], algorithm="logistic") == [(1, None), (2, None)]
