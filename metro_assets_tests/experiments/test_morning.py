"""A morning of the twin against the day that the pipeline itself made of the same tables."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from metro_assets.config import Settings, load_settings
from metro_assets.experiments.morning import candidates_of, choose, score_candidates, scored_by
from metro_assets.experiments.opening import Memory, Opening
from metro_assets.ranking.fitting import load_scorer
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import Algorithm
from metro_assets_tests.conftest import RUN_DATE

SOME = list(range(3, 150, 7))
NO_SLATES = pl.DataFrame(
    schema={"customer_id": pl.Int32, "offer_id": pl.Int32, "position": pl.Int8, "propensity": pl.Float64}
)


@pytest.fixture(scope="module")
def settings(ran: Path) -> Settings:
    return load_settings(ran)


def models(settings: Settings) -> ModelStore:
    return ModelStore(settings.warehouse)


@pytest.fixture(scope="module")
def opening(ran: Path, settings: Settings) -> Iterator[Opening]:
    memory = Memory(Warehouse(ran, settings.engine), settings.calendar_start, RUN_DATE)
    with memory.opening(RUN_DATE) as opened:
        yield opened
    memory.close()


def test_the_pool_of_a_few_is_their_part_of_the_pool_of_all(opening: Opening, settings: Settings) -> None:
    own = candidates_of(opening, SOME, settings).pl().sort("customer_id", "offer_id")
    of_all = opening.days("candidate_pool").pl().filter(pl.col("customer_id").is_in(SOME))
    assert len(own) > 500
    assert own.select(of_all.columns).equals(of_all.sort("customer_id", "offer_id").cast(dict(own.schema)))


@pytest.mark.parametrize("algorithm", [Algorithm.LOGISTIC, Algorithm.BOOSTED_TREES])
def test_it_chooses_what_the_pipeline_recommends(opening: Opening, settings: Settings, algorithm: Algorithm) -> None:
    scorer = load_scorer(algorithm, models(settings).load(f"{algorithm}_ranker", RUN_DATE))
    candidates = candidates_of(opening, SOME, settings)
    scored, _ = score_candidates(
        opening, candidates, NO_SLATES, scored_by(str(algorithm), scorer, settings, models(settings))
    )
    chosen = choose(opening, candidates, scored, settings, settings.seed, least_score=0.0)
    recommended = (
        opening.days("recommendations")
        .pl()
        .filter((pl.col("algorithm") == str(algorithm)) & pl.col("customer_id").is_in(SOME))
        .select(chosen.columns)
        .sort("customer_id", "rank")
    )
    assert len(chosen) > 100
    assert chosen.equals(recommended.cast(dict(chosen.schema)))


def test_random_slates_are_scored_beside_the_pool_and_chosen_from_by_nobody(
    opening: Opening, settings: Settings
) -> None:
    scorer = load_scorer(Algorithm.LOGISTIC, models(settings).load("logistic_ranker", RUN_DATE))
    candidates = candidates_of(opening, SOME, settings)
    known = set(candidates.select("customer_id, offer_id").fetchall())
    live = [offer for (offer,) in opening.days("offers").select("offer_id").order("offer_id").fetchall()]
    outside = next((SOME[0], offer) for offer in live if (SOME[0], offer) not in known)
    slates = pl.DataFrame([(*outside, 1, 0.1)], schema=NO_SLATES.schema, orient="row")
    scored, of_slates = score_candidates(
        opening, candidates, slates, scored_by("logistic", scorer, settings, models(settings))
    )
    assert of_slates.row(0)[:2] == outside
    assert 0 < of_slates["score"][0] < 1
    chosen = choose(opening, candidates, scored, settings, settings.seed, least_score=0.0)
    assert outside not in set(chosen.select("customer_id", "offer_id").iter_rows())
    assert scored.count("*").fetchall()[0][0] == len(known) + 1
