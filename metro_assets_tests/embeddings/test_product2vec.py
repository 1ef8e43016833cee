"""Product2Vec: finds a planted structure and none where there is none, the same every time, and keeps its axes."""

import subprocess
import sys
from datetime import date

import numpy as np
import pytest

from metro_assets.config import ConfigurationError, Embeddings
from metro_assets.embeddings.baskets import Baskets
from metro_assets.embeddings.neighbours import directions, exact_neighbours
from metro_assets.embeddings.product2vec import (
    Product2Vec,
    fit_product2vec,
    is_due,
    newest_before,
    stable_hash,
    version_in_force,
)

SMALL = Embeddings(dimensions=12, minimum_baskets=2, epochs=8, sampling_threshold=0.0)
MENU = 15
"""Products of each of two menus: 1 to 15, 16 to 30."""


def baskets(lists: list[list[int]]) -> Baskets:
    return Baskets(np.concatenate(lists).astype(np.int32), np.cumsum([len(one) for one in lists]))


def planted(count: int, *, is_mixed: bool, seed: int = 1) -> Baskets:
    """Baskets of eight products, all of one menu; mixed: of both, at random."""
    random = np.random.default_rng(seed)
    lists = []
    for number in range(count):
        menu = np.arange(1, 2 * MENU + 1) if is_mixed else np.arange(1, MENU + 1) + MENU * (number % 2)
        lists.append(random.choice(menu, size=8, replace=False).tolist())
    return baskets(lists)


def menu_share(model: Product2Vec) -> float:
    """Share of the five nearest products that are of the same menu."""
    menu = (model.product_ids > MENU).astype(int)
    near = exact_neighbours(directions(model.vectors), 5)
    return float((menu[near] == menu[:, None]).mean())


def fitted(sample: Baskets, settings: Embeddings = SMALL, earlier: Product2Vec | None = None) -> Product2Vec:
    model = fit_product2vec(sample, settings, seed=3, earlier=earlier)
    assert model is not None
    return model


def test_two_menus_that_never_meet_are_told_apart() -> None:
    assert menu_share(fitted(planted(600, is_mixed=False))) > 0.95


def test_where_all_is_bought_with_all_the_menus_are_at_chance() -> None:
    # of the 29 other products 14 are of the own menu
    assert menu_share(fitted(planted(600, is_mixed=True))) == pytest.approx(14 / 29, abs=0.12)


def test_the_in_out_product_is_higher_inside_a_menu() -> None:
    model = fitted(planted(600, is_mixed=False))
    odds = model.vectors @ model.context_vectors.T
    menu = model.product_ids > MENU
    same = menu[:, None] == menu[None, :]
    assert odds[same].mean() > odds[~same].mean() + 1


def test_a_fit_is_the_same_in_another_process_with_other_hashes() -> None:
    code = (
        "from metro_assets_tests.embeddings.test_product2vec import *; import hashlib;"
        "model = fitted(planted(60, is_mixed=False));"
        "print(hashlib.blake2b(model.vectors.tobytes() + model.context_vectors.tobytes()).hexdigest())"
    )
    prints = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert prints[0] == prints[1]
    assert stable_hash("mozzarella") == stable_hash("mozzarella") < 2**32


def test_products_come_by_frequency_ties_by_id_and_rare_ones_are_left_out() -> None:
    model = fitted(baskets([[7, 3], [3, 7], [5, 3], [5, 3], [9, 3]]))
    assert model.product_ids.tolist() == [3, 5, 7]
    assert model.basket_counts.tolist() == [5, 2, 2]


@pytest.mark.parametrize("lists", [[[1, 2]], [[1, 2], [1, 3]]])
def test_fewer_than_two_products_in_enough_baskets_are_nothing_to_learn_from(lists: list[list[int]]) -> None:
    assert fit_product2vec(baskets(lists), SMALL, seed=1) is None


def test_a_warm_start_keeps_the_axes_and_takes_in_new_products() -> None:
    earlier = fitted(planted(600, is_mixed=False))
    again = planted(600, is_mixed=False, seed=2)
    with_new = baskets([[*one, 99] if number % 20 == 0 else one for number, one in enumerate(again)])
    warm, cold = fitted(with_new, earlier=earlier), fit_product2vec(with_new, SMALL, seed=4)
    assert cold is not None
    assert 99 in warm.product_ids
    assert alignment(earlier, warm) > 0.9
    assert alignment(earlier, cold) < 0.5


def alignment(first: Product2Vec, second: Product2Vec) -> float:
    """Mean cosine of each product with itself in another fit."""
    shared = np.intersect1d(first.product_ids, second.product_ids)
    rows = [
        directions(model.vectors)[[model.product_ids.tolist().index(product) for product in shared]]
        for model in (first, second)
    ]
    return float((rows[0] * rows[1]).sum(axis=1).mean())


def test_an_earlier_fit_of_other_dimensions_is_no_start() -> None:
    sample = planted(60, is_mixed=False)
    other = fitted(sample, SMALL.model_copy(update={"dimensions": 6}))
    assert np.array_equal(fitted(sample, earlier=other).vectors, fitted(sample).vectors)


def test_a_stored_fit_is_the_fit() -> None:
    model = fitted(planted(60, is_mixed=False))
    files = model.save()
    assert list(files) == ["product2vec.safetensors"]
    again = Product2Vec.load(files)
    for name in ("product_ids", "vectors", "context_vectors", "basket_counts"):
        assert np.array_equal(getattr(model, name), getattr(again, name))


def test_without_gensim_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'metro-assets\[phase2\]'"):
        fit_product2vec(planted(10, is_mixed=False), SMALL, seed=1)


# when a fit is made -----------------------------------------------------------------------------------------------


def test_vectors_are_kept_until_they_are_refit_days_old() -> None:
    days = [date(2026, 5, day) for day in (1, 8)]
    assert [is_due(days, date(2026, 5, day), 7) for day in (7, 8, 9, 14, 15)] == [False, True, False, False, True]
    assert [version_in_force(days, date(2026, 5, day), 7) for day in (7, 8, 14, 15)] == [*days, days[1], None]
    assert [newest_before(days, date(2026, 5, day)) for day in (1, 7, 8, 9)] == [None, days[0], days[0], days[1]]


def test_a_later_fit_is_never_used_for_an_earlier_date() -> None:
    fitted_days = [date(2026, 5, 8), date(2026, 5, 15)]
    assert version_in_force(fitted_days, date(2026, 5, 1), 7) is None
    assert is_due(fitted_days, date(2026, 5, 1), 7)
