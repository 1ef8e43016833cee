"""What the listwise regression does that a regression of rows does not."""

import numpy as np
import pytest
from scipy.special import expit

from metro_assets.config import Ranking
from metro_assets.metrics import list_metrics
from metro_assets.ranking.examples import Examples
from metro_assets.ranking.listwise import ListwiseRanker, listwise_coefficients
from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.vocabulary import RANKING_FEATURES
from metro_assets_tests.ranking.test_rankers import LIST_ROWS, at_top, examples

SETTINGS = Ranking()
SPEND, DEPTH = RANKING_FEATURES.index("promo_affinity"), RANKING_FEATURES.index("discount_depth")


def chosen_once(seed: int, lists: int = 2000) -> Examples:
    """A customer's propensity varies tenfold; which offer is taken depends on the depth alone, and the depths of who
    never redeems are the larger: over all rows, deep offers look bad."""
    random = np.random.default_rng(seed)
    normal = random.standard_normal((lists * LIST_ROWS, len(RANKING_FEATURES)))
    propensity = np.repeat(random.standard_normal(lists), LIST_ROWS)
    normal[:, SPEND] = propensity + random.standard_normal(len(normal)) * 0.01
    normal[:, DEPTH] -= 2.0 * propensity
    label = random.random(len(normal)) < expit(-3.5 + 2.5 * propensity + 0.7 * (normal[:, DEPTH] + 2.0 * propensity))
    lists_of = np.repeat(np.arange(lists), LIST_ROWS)
    return examples(normal.astype(np.float32), label, np.full(len(normal), np.nan), lists_of)


def test_one_list_gives_the_conditional_logits_own_equation() -> None:
    # two rows, x = 1 redeemed, x = 0 not: the slope 1 - sigmoid(b) - penalty b is zero
    columns = np.array([[1.0], [0.0]], dtype=np.float32)
    found = listwise_coefficients(columns, np.array([1, 0]), np.array([5, 5]), np.ones(2, dtype=np.float32), 0.25)[0]
    assert 1 - expit(found) - 0.25 * found == pytest.approx(0, abs=1e-5)


def test_lists_without_a_redemption_say_nothing_of_the_order() -> None:
    train = chosen_once(1)
    has = np.isin(train.list_id, train.list_id[train.label == 1])
    columns = train.features[:, [DEPTH]]
    whole = listwise_coefficients(columns, train.label, train.list_id, train.weight, 1.0)
    part = listwise_coefficients(columns[has], train.label[has], train.list_id[has], train.weight[has], 1.0)
    np.testing.assert_allclose(whole, part, rtol=1e-6)


def test_the_order_within_lists_is_told_from_who_redeems_at_all() -> None:
    train, fresh = chosen_once(2), chosen_once(3)
    found = {}
    for kind in (ListwiseRanker, LogisticRanker):
        scores = at_top(kind.fit(train, None, SETTINGS, 1, 1), fresh.features)
        found[kind] = np.nanmean(list_metrics(fresh.list_id, fresh.label, scores, fresh.offer_id, 10).auc)
    assert found[ListwiseRanker] > 0.65
    assert found[ListwiseRanker] > found[LogisticRanker] - 0.01


def test_the_head_predicts_as_many_redemptions_as_there_are() -> None:
    train = chosen_once(4)
    predicted = expit(at_top(ListwiseRanker.fit(train, None, SETTINGS, 1, 1), train.features)).sum()
    assert predicted == pytest.approx(train.label.sum(), rel=0.02)
