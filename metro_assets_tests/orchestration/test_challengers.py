"""Costly models are kept for a while, and a fit that fails takes nobody with it."""

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from metro_assets.orchestration.challengers import going_on_without, kept_fit
from metro_assets.ranking.assets import _attempted
from metro_assets.storage.models import ModelStore, Version
from metro_assets.vocabulary import Algorithm

FITTED = date(2026, 5, 11)


@pytest.mark.parametrize(("age", "is_kept"), [(0, False), (1, True), (6, True), (7, False)])
def test_a_model_is_kept_until_it_is_a_week_old_and_a_rerun_fits_anew(tmp_path: Path, age: int, is_kept: bool) -> None:
    models = ModelStore(tmp_path)
    models.save("wide_deep_ranker", FITTED, {"model": b"x"}, {})
    kept = kept_fit(models, "wide_deep_ranker", FITTED + timedelta(days=age), refit_days=7)
    assert kept == (Version("wide_deep_ranker", FITTED) if is_kept else None)


def failing() -> str:
    raise ZeroDivisionError("no step to take")


def test_a_challenger_that_fails_is_gone_on_without() -> None:
    context = dg.build_asset_context()
    assert going_on_without("wide_deep", context, lambda: "fitted") == "fitted"
    assert going_on_without("wide_deep", context, failing) is None
    assert _attempted(Algorithm.THOMPSON, context, failing) is None


def test_the_two_that_are_chosen_between_every_day_must_not_fail() -> None:
    with pytest.raises(ZeroDivisionError, match="no step to take"):
        _attempted(Algorithm.LOGISTIC, dg.build_asset_context(), failing)
