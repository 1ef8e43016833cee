"""Vectors of cold products by hand, of customers by hand, and nearest products by the index and exactly."""

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Embeddings
from metro_assets.embeddings.cold import ProductVectors, vectors_of_assortment
from metro_assets.embeddings.customers import vectors_of_customers
from metro_assets.embeddings.neighbours import directions, exact_neighbours, index_recall, indexed_neighbours
from metro_assets.embeddings.pictures import draw_map, neighbour_table
from metro_assets.embeddings.product2vec import Product2Vec
from metro_assets.embeddings.tables import arrays_of, matrix_of, table_of
from metro_assets_tests.frames import DAY, Row, ago, connection, product, purchases, relation

PRIOR = 2.0


def model(vectors: dict[int, list[float]]) -> Product2Vec:
    """Output vectors are twice the input vectors; a product lies in as many baskets as its id says."""
    rows = np.array(list(vectors.values()), dtype=np.float32)
    ids = np.array(list(vectors), dtype=np.int32)
    return Product2Vec(ids, rows, 2 * rows, ids)


def assortment(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame([{"brand": None, "subcategory": None} | row for row in rows], infer_schema_length=None)


# products without sales -------------------------------------------------------------------------------------------


def test_a_known_product_keeps_its_vectors_whatever_the_order_of_the_rows() -> None:
    products = assortment(product(3), product(1), product(2))
    found = vectors_of_assortment(model({2: [0.0, 1.0], 1: [1.0, 0.0]}), products, PRIOR)
    assert found.product_ids.tolist() == [1, 2, 3]
    assert found.is_cold.tolist() == [False, False, True]
    assert found.vectors[:2].tolist() == [[1, 0], [0, 1]]
    assert found.context_vectors[:2].tolist() == [[2, 0], [0, 2]]
    assert found.basket_counts.tolist() == [1, 2, 0]


def test_a_cold_product_is_the_mean_of_its_subcategory_drawn_to_its_category_and_this_to_all() -> None:
    cheese, milk = {"subcategory": "cheese"}, {"subcategory": "milk"}
    products = assortment(
        product(1, **cheese), product(2, **milk), product(3, category="MEAT_POULTRY"), product(4, **cheese)
    )
    found = vectors_of_assortment(model({1: [6.0], 2: [0.0], 3: [0.0]}), products, PRIOR)
    everything = (6 + 0 + 0) / 3
    dairy = everything + ((6 - everything) + (0 - everything)) / (2 + PRIOR)
    subcategory = dairy + (6 - dairy) / (1 + PRIOR)
    assert found.vectors[3, 0] == pytest.approx(subcategory)
    assert found.context_vectors[3, 0] == pytest.approx(2 * subcategory)


def test_a_brand_moves_a_cold_product_by_what_sets_it_apart_elsewhere() -> None:
    products = assortment(product(1, brand="Rioba"), product(2), product(3, brand="Rioba"), product(4))
    found = vectors_of_assortment(model({1: [4.0], 2: [0.0]}), products, PRIOR)
    dairy = 2.0
    assert found.vectors[3, 0] == pytest.approx(dairy)
    assert found.vectors[2, 0] == pytest.approx(dairy + (4 - dairy) / (1 + PRIOR))


def test_a_cold_product_lands_near_its_subcategory() -> None:
    random = np.random.default_rng(5)
    centres = random.normal(size=(6, 16))
    shelf = np.arange(120) % 6
    vectors = (centres[shelf] + 0.3 * random.normal(size=(120, 16))).astype(np.float32)
    products = assortment(*(product(number + 1, subcategory=f"shelf {number % 6}") for number in range(126)))
    learnt = Product2Vec(np.arange(1, 121, dtype=np.int32), vectors, vectors, np.ones(120, np.int32))
    found = vectors_of_assortment(learnt, products, PRIOR)
    near = exact_neighbours(directions(found.vectors), 5)[120:]
    assert (near % 6 == np.arange(120, 126)[:, None] % 6).mean() > 0.95


# customers --------------------------------------------------------------------------------------------------------


def space(**vectors: list[float]) -> ProductVectors:
    """Products by number: `p3=[1, 0]`."""
    rows = np.array(list(vectors.values()), dtype=np.float32)
    ids = np.array([int(name[1:]) for name in vectors], dtype=np.int32)
    return ProductVectors(ids, rows, rows, np.ones(len(ids), np.int32), np.zeros(len(ids), bool))


def customers(bought: list[Row], vectors: ProductVectors, half_life_days: float = 10) -> dict[int, list[float]]:
    with connection() as database:
        found = vectors_of_customers(
            relation(database, "customer_products", bought), vectors, DAY, Embeddings(half_life_days=half_life_days)
        )
    return dict(found.rows())


def test_a_customer_is_the_mean_of_what_was_bought_half_as_much_for_every_half_life() -> None:
    bought = [
        purchases(4, 1, order_count=3, last_date=ago(10)),
        purchases(4, 2, order_count=1, last_date=ago(20)),
        purchases(9, 2),
    ]
    first, second = np.log(1 + 3) * 0.5, np.log(1 + 1) * 0.25
    found = customers(bought, space(p1=[1, 0], p2=[0, 1]))
    assert found[4] == pytest.approx([first / (first + second), second / (first + second)])
    assert found[9] == [0, 1]
    assert found.keys() == {4, 9}


def test_who_bought_nothing_has_no_vector() -> None:
    assert customers([], space(p1=[1, 0])) == {}


def test_the_order_of_the_rows_changes_nothing() -> None:
    random = np.random.default_rng(2)
    vectors = space(**{f"p{number}": random.normal(size=4).tolist() for number in range(1, 30)})
    bought = [
        purchases(owner, item, order_count=int(random.integers(1, 9)), last_date=ago(int(random.integers(1, 90))))
        for owner in range(1, 20)
        for item in range(1, 30)
        if random.random() < 0.5
    ]
    first, turned = customers(bought, vectors), customers(bought[::-1], vectors)
    assert first.keys() == turned.keys()
    for owner, vector in first.items():
        assert vector == pytest.approx(turned[owner], abs=1e-6)


# nearest products -------------------------------------------------------------------------------------------------


def test_the_nearest_by_hand_ties_by_place() -> None:
    units = np.array([[1, 0], [0, 1], [1, 0], [0.6, 0.8], [1, 0]], dtype=np.float32)
    assert exact_neighbours(units, 3).tolist()[:2] == [[2, 4, 3], [3, 0, 2]]
    assert exact_neighbours(units, 9).shape == (5, 4)


def test_directions_are_around_the_mean_and_of_length_one() -> None:
    units = directions(np.array([[11, 10], [9, 10], [10, 12], [10, 8]], dtype=np.float32))
    assert np.allclose(units, [[1, 0], [-1, 0], [0, 1], [0, -1]])
    assert np.isfinite(directions(np.ones((3, 2), dtype=np.float32))).all()


def test_recall_is_the_share_of_the_exact_that_was_found() -> None:
    assert index_recall(np.array([[1, 2], [0, 3]]), np.array([[2, 5], [3, 0]])) == (1 + 2) / 4


def test_the_index_finds_nearly_what_exact_search_finds_and_the_same_every_time() -> None:
    units = directions(np.random.default_rng(1).normal(size=(2_000, 24)).astype(np.float32))
    found = indexed_neighbours(units, 10, Embeddings())
    assert index_recall(found, exact_neighbours(units, 10)) > 0.9
    assert not (found == np.arange(2_000)[:, None]).any()
    assert np.array_equal(found, indexed_neighbours(units, 10, Embeddings()))


def test_the_index_of_few_products_finds_all_others() -> None:
    units = directions(np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32))
    assert np.array_equal(indexed_neighbours(units, 10, Embeddings()), exact_neighbours(units, 10))


# tables and pictures ----------------------------------------------------------------------------------------------


def test_vectors_go_through_the_table_unchanged() -> None:
    vectors = space(p1=[1, 2], p5=[3, 4])
    with connection() as database:
        again = arrays_of(relation(database, "product_vectors", table_of(vectors).rows(named=True)))
        none = arrays_of(relation(database, "product_vectors", []))
    for name in ("product_ids", "vectors", "context_vectors", "basket_counts", "is_cold"):
        assert np.array_equal(getattr(again, name), getattr(vectors, name))
    assert len(none.product_ids) == 0
    assert matrix_of(pl.Series([], dtype=pl.List(pl.Float32))).shape[0] == 0


def test_the_pictures_show_what_is_known() -> None:
    products = assortment(*(product(number, category=f"C{number % 25}") for number in range(1, 60)))
    random = np.random.default_rng(1)
    vectors = space(**{f"p{number}": random.normal(size=4).tolist() for number in range(1, 60)})
    assert len(draw_map(vectors, products).axes[0].collections) == 25
    near = exact_neighbours(directions(vectors.vectors), 5)
    table = neighbour_table(vectors, near, products, shown=3)
    assert table["product"].to_list() == ["Product 1", "Product 2", "Product 3"]
    assert table["nearest"][0].count("Product") == 5
