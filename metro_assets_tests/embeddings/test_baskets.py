"""The sample of baskets: bounded, shuffled, and blind to what was not known before the run date."""

from metro_assets.config import Embeddings
from metro_assets.embeddings.baskets import sample_baskets
from metro_assets_tests.frames import DAY, Row, ago, connection, line, orders_of, relation

SETTINGS = Embeddings(window_days=30)


def basket(order_id: int, *products: int, days: int = 1, recorded_days: int | None = None) -> list[Row]:
    """The lines of a basket that many days before the run date."""
    known = ago(days if recorded_days is None else recorded_days)
    return [
        line(order_id=order_id, product_id=product, run_date=ago(days)) | {"recorded_date": known}
        for product in products
    ]


def sampled(*baskets: list[Row], settings: Embeddings = SETTINGS, seed: int = 1) -> list[list[int]]:
    lines = [row for rows in baskets for row in rows]
    with connection() as database:
        found = sample_baskets(
            relation(database, "orders", orders_of(lines)),
            relation(database, "order_items", lines),
            DAY,
            settings,
            seed,
        )
    assert len(list(found)) == len(found)
    return list(found)


MANY = [basket(number, 1, 2, 3, 4, 5) for number in range(1, 41)]


def test_a_basket_is_its_products() -> None:
    assert [sorted(one) for one in sampled(basket(1, 4, 9, 2))] == [[2, 4, 9]]


def test_a_basket_of_one_product_teaches_nothing() -> None:
    assert sampled(basket(1, 4)) == []
    assert sampled() == []


def test_only_the_window_before_the_run_date_counts() -> None:
    inside = [basket(1, 1, 2, days=1), basket(2, 3, 4, days=30)]
    outside = [basket(3, 5, 6, days=31), basket(4, 7, 8, days=0), basket(5, 9, 10, days=-3)]
    assert sorted(map(sorted, sampled(*inside, *outside))) == [[1, 2], [3, 4]]


def test_what_became_known_on_the_run_date_or_later_changes_nothing() -> None:
    before = sampled(*MANY)
    late = [basket(99, 1, 2, days=2, recorded_days=0), basket(98, 6, 7, days=0), basket(97, 8, 9, days=-1)]
    late_line = [row | {"recorded_date": DAY} for row in basket(3, 77)]
    assert sampled(*MANY, *late) == before
    with connection() as database:
        lines = [row for rows in MANY for row in rows]
        orders = relation(database, "orders", orders_of(lines))
        found = sample_baskets(orders, relation(database, "order_items", [*lines, *late_line]), DAY, SETTINGS, 1)
        assert list(found) == before


def test_beyond_the_maximum_a_sample_is_taken_that_the_seed_gives() -> None:
    few = SETTINGS.model_copy(update={"maximum_baskets": 7})
    lists = [basket(number, number, number + 100) for number in range(1, 41)]
    first, again, other = (sampled(*lists, settings=few, seed=seed) for seed in (1, 1, 2))
    assert len(first) == 7
    assert first == again == sampled(*reversed(lists), settings=few)
    assert {min(one) for one in first} != {min(one) for one in other}


def test_the_products_of_a_basket_are_shuffled() -> None:
    orders = {tuple(one) for one in sampled(*MANY)}
    assert len(orders) > 20
    assert {one[0] for one in orders} == {1, 2, 3, 4, 5}
