"""What the networks may see, and what they learn where an order is planted and where there is none."""

from datetime import date

import numpy as np
import numpy.typing as npt
import pytest
import torch

from metro_assets.config import Sequences
from metro_assets.sequences.baskets import Baskets, day_number, from_lines
from metro_assets.sequences.fitting import (
    Fit,
    NextItemModel,
    TooFewBasketsError,
    fit_next_item,
    hidden_baskets,
    mornings,
    softmax_loss,
    tokens_of,
)
from metro_assets.sequences.judging import next_baskets, next_item_metrics, personal_frequency
from metro_assets.sequences.networks import SASRec, age_bucket, due_bucket
from metro_assets.sequences.scoring import next_item_scores

CUTOFF = date(2026, 5, 4)
PRODUCTS, DAYS, CUSTOMERS = 12, 40, 60
SMALL = Sequences(
    dimension=16,
    most_baskets=12,
    batch_customers=16,
    maximum_epochs=40,
    patience_epochs=4,
    learning_rate=0.01,
    dropout=0.0,
    target_days=28,
    history_days=90,
)
NETWORKS = ("sasrec", "bert4rec")


def cycles(shuffled: bool) -> Baskets:
    """Each customer buys one product a day: the successor in a cycle of all, one purchase in ten at random; a week more
    than is learned from. Shuffled, the same purchases of each customer in random order.
    """
    random = np.random.default_rng(3)
    days = DAYS + 7
    bought = (random.integers(0, PRODUCTS, (CUSTOMERS, 1)) + np.arange(days)) % PRODUCTS
    bought = np.where(random.random(bought.shape) < 0.1, random.integers(0, PRODUCTS, bought.shape), bought)
    if shuffled:
        bought = random.permuted(bought, axis=1)
    customer = np.repeat(np.arange(CUSTOMERS), days)
    day = np.tile(day_number(CUTOFF) - DAYS + np.arange(days), CUSTOMERS)
    return from_lines(customer, day, day, 100 + bought.ravel())


def hit_rate(model: NextItemModel, baskets: Baskets) -> float:
    """Share of the customers whose next product comes first among all."""
    start = day_number(CUTOFF)
    customers = np.arange(CUSTOMERS)
    scores = np.concatenate(
        [part for _, part in next_item_scores(model, baskets.coded(model.catalogue), customers, start, SMALL, 1)]
    )
    bought = next_baskets(baskets.coded(model.catalogue), customers, len(model.catalogue), start, start + 7)
    return float(next_item_metrics(scores, bought, 1).ndcg.mean())


@pytest.fixture(scope="module", params=NETWORKS)
def planted(request: pytest.FixtureRequest) -> Fit:
    return fit_next_item(cycles(shuffled=False), CUTOFF, SMALL, seed=1, threads=1, name=request.param)


def test_a_planted_order_is_found_that_frequency_cannot_see(planted: Fit) -> None:
    baskets = cycles(shuffled=False)
    assert hit_rate(planted.model, baskets) > 0.5
    coded, start, customers = baskets.coded(planted.model.catalogue), day_number(CUTOFF), np.arange(CUSTOMERS)
    known = coded.taken(coded.known_at(start))
    bought = next_baskets(coded, customers, PRODUCTS, start, start + 7)
    frequency = personal_frequency(known, customers, PRODUCTS, start)
    assert float(next_item_metrics(frequency, bought, 1).ndcg.mean()) < 0.3


@pytest.mark.parametrize("name", NETWORKS)
def test_where_the_order_is_shuffled_there_is_nothing_to_find(name: str) -> None:
    baskets = cycles(shuffled=True)
    fit = fit_next_item(baskets, CUTOFF, SMALL, seed=1, threads=1, name=name)
    assert hit_rate(fit.model, baskets) < 0.3
    assert fit.metadata["metrics"]["validation_loss"] > 0.9 * np.log(PRODUCTS)


def test_what_is_saved_scores_alike(planted: Fit) -> None:
    files = planted.model.save()
    assert set(files) == {"network.safetensors", "network.json"}
    loaded = NextItemModel.load(files)
    baskets, start, customers = cycles(shuffled=False), day_number(CUTOFF), np.arange(CUSTOMERS)
    for (_, mine), (_, theirs) in zip(
        next_item_scores(planted.model, baskets.coded(planted.model.catalogue), customers, start, SMALL, 1),
        next_item_scores(loaded, baskets.coded(loaded.catalogue), customers, start, SMALL, 1),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_fitted_again_without_what_comes_after_the_cutoff_it_is_the_same(planted: Fit) -> None:
    baskets = cycles(shuffled=False)
    start = day_number(CUTOFF)
    past = baskets.taken(baskets.known_at(start))
    fit = fit_next_item(past, CUTOFF, SMALL, seed=1, threads=1, name=planted.model.name)
    assert fit.model.save() == planted.model.save()


def test_scores_are_distributions_whatever_the_length_of_the_history(planted: Fit) -> None:
    """A customer alone, with one basket, scores as among others with many; one without gets the popularity."""
    start = day_number(CUTOFF)
    everyone = cycles(shuffled=False)
    short = everyone.taken(np.flatnonzero((everyone.customer_id > 0) | (everyone.day == start - 1)))
    customers = np.array([0, 1, 999])
    ((_, together),) = next_item_scores(planted.model, short.coded(planted.model.catalogue), customers, start, SMALL, 1)
    alone = short.taken(np.flatnonzero(short.customer_id == 0))
    ((_, single),) = next_item_scores(
        planted.model, alone.coded(planted.model.catalogue), customers[:1], start, SMALL, 1
    )
    np.testing.assert_allclose(np.exp(together).sum(axis=1), 1.0, rtol=1e-4)
    np.testing.assert_allclose(together[0], single[0], atol=1e-4)
    np.testing.assert_array_equal(together[2], planted.model.log_popularity)


def test_sasrec_never_looks_ahead() -> None:
    torch.manual_seed(0)
    network = SASRec(products=6, dimension=8, blocks=2, heads=2, length=5, dropout=0.0).eval()
    day = np.arange(5)
    before = from_lines([1] * 5, day, day, [0, 1, 2, 3, 4])
    after = from_lines([1] * 5, day, day, [0, 1, 2, 5, 5])
    places, moment = np.arange(5)[None], torch.arange(1, 6)[None]
    mine, theirs = (network(tokens_of(baskets, places), moment).outputs for baskets in (before, after))
    torch.testing.assert_close(mine[:, :3], theirs[:, :3], rtol=0, atol=0)
    assert not torch.equal(mine[:, 3:], theirs[:, 3:])


def test_the_order_of_a_baskets_products_does_not_matter() -> None:
    network = SASRec(products=6, dimension=8, blocks=1, heads=2, length=5, dropout=0.0).eval()
    places, moment = np.array([[0, 1]]), torch.tensor([[1, 2]])
    one = from_lines([1] * 4, [0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 2, 3])
    other = from_lines([1] * 4, [0, 0, 1, 1], [0, 0, 1, 1], [1, 0, 3, 2])
    torch.testing.assert_close(
        network(tokens_of(one, places), moment).outputs, network(tokens_of(other, places), moment).outputs
    )


def test_with_enough_draws_the_sampled_loss_is_the_full_one() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = SASRec(products=50, dimension=8, blocks=1, heads=2, length=4, dropout=0.0)
    random = np.random.default_rng(0)
    baskets = from_lines(
        np.repeat([1, 2], 12),
        np.repeat(np.arange(6), 4) % 3,
        np.repeat(np.arange(6), 4) % 3,
        random.integers(0, 50, 24),
    )
    rows = np.array([[0, 1, 2], [3, 4, 5]])
    tokens, wanted = tokens_of(baskets, rows[:, :-1]), tokens_of(baskets, rows[:, 1:])
    reading = network(tokens, torch.from_numpy(baskets.day[rows[:, 1:]]))
    shares = torch.full((50,), 1 / 50)
    full, sampled = (
        softmax_loss(network, reading, tokens, tokens.is_present, wanted, drawn_from, 100_000, generator)
        for drawn_from in (None, shares)
    )
    torch.testing.assert_close(full, sampled, rtol=2e-3, atol=0)


def test_over_drawn_products_the_planted_order_is_found_as_well() -> None:
    settings = SMALL.model_copy(update={"full_softmax_products": 1, "sampled_products": 6})
    baskets = cycles(shuffled=False)
    fit = fit_next_item(baskets, CUTOFF, settings, seed=1, threads=1)
    assert hit_rate(fit.model, baskets) > 0.5


def test_a_basket_is_foreseen_on_any_morning_after_the_one_before() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = mornings(np.zeros(3_000, dtype=np.int64), np.full(3_000, 3), generator)
    days, counts = np.unique(drawn, return_counts=True)
    assert days.tolist() == [1, 2, 3]
    assert counts.min() > 900
    assert mornings(np.array([4]), np.array([5]), generator).tolist() == [5]


def test_at_least_the_newest_basket_is_hidden_and_none_that_may_not_be() -> None:
    generator = torch.Generator().manual_seed(0)
    may_hide: npt.NDArray[np.bool_] = np.tile([False, False, True, True, True], (500, 1))
    hidden = hidden_baskets(may_hide, 0.3, generator)
    assert hidden.any(axis=1).all()
    assert not (hidden & ~may_hide).any()


def test_ages_share_a_bias_beyond_four_weeks_only() -> None:
    buckets = age_bucket(torch.tensor([-400, -28, -1, 0, 1, 28, 29, 56, 400])).tolist()
    assert buckets == [0, 12, 39, 40, 41, 68, 69, 72, 80]


def test_a_product_is_due_by_its_own_cycle() -> None:
    """First basket on day 0, asked on day 40: four purchases are a cycle of ten days."""
    first, moment = torch.tensor([0.0]), torch.tensor([40.0])
    counts, last = torch.tensor([4.0, 4.0, 4.0, 0.0]), torch.tensor([30.0, 35.0, 20.0, 0.0])
    buckets = due_bucket(counts, last, first, moment).tolist()
    assert buckets == [11, 11 + 2 * -1, 11 + 2 * 1, 0]


def test_one_basket_each_is_nothing_to_learn_an_order_from() -> None:
    day = day_number(CUTOFF) - 20
    with pytest.raises(TooFewBasketsError, match="later run date"):
        fit_next_item(from_lines([1, 2], [day, day], [day, day], [5, 6]), CUTOFF, SMALL, seed=1, threads=1)
    with pytest.raises(TooFewBasketsError):
        fit_next_item(from_lines([], [], [], []), CUTOFF, SMALL, seed=1, threads=1)
