"""A day with everything that there is: every algorithm scores, chooses and is published beside the others."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock

from metro_assets.config import SERVABLE, Engine, load_settings
from metro_assets.experiments.morning import candidates_of, choose, score_candidates, scored_by
from metro_assets.experiments.opening import Memory
from metro_assets.ranking.fitting import load_scorer
from metro_assets.serving.queries import RecommendationReader
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import Algorithm
from metro_assets_tests.conftest import RUN_DATE, STRATEGIES, metro

pytestmark = pytest.mark.slow

ENGINE = Engine(memory_limit="1GB", threads=1)


@pytest.fixture(scope="session")
def whole(ran: Path) -> Path:
    """The tiny world's day, made again with all algorithms and strategies, once for all test processes."""
    root, done = ran.with_name("whole"), ran.with_name("whole.done")
    with FileLock(ran.with_name("whole.lock")):
        if not done.exists():
            shutil.copytree(ran, root, symlinks=True)
            lines = (root / "settings.toml").read_text(encoding="utf-8").split("\n[ranking]")[0]
            (root / "settings.toml").write_text(lines, encoding="utf-8")
            made = metro("run", "--date", RUN_DATE, warehouse=root, variables={})
            assert made.returncode == 0, made.stdout + made.stderr
            assert made.stderr == ""
            done.touch()
    return root


def rows(root: Path, table: str) -> pl.DataFrame:
    warehouse = Warehouse(root, ENGINE)
    with warehouse.connection() as connection:
        frame: pl.DataFrame = warehouse.read(connection, table, [RUN_DATE]).pl()
    return frame


def test_every_algorithm_scores_the_whole_pool_and_serves_everyone(whole: Path) -> None:
    pool = len(rows(whole, "candidate_pool"))
    scored = rows(whole, "scored_candidates").group_by("algorithm").len()
    assert dict(scored.rows()) == dict.fromkeys(map(str, SERVABLE), pool)
    slates = rows(whole, "recommendations").group_by("algorithm").agg(pl.col("customer_id").n_unique(), pl.len())
    assert set(slates["algorithm"]) == set(map(str, SERVABLE))
    assert slates["customer_id"].n_unique() == 1
    assert RecommendationReader(whole, ENGINE).in_force().algorithms == sorted(map(str, SERVABLE))


def test_only_thompson_draws_and_its_slate_holds_what_it_was_likely_to(whole: Path) -> None:
    served = rows(whole, "recommendations")
    explores = pl.col("algorithm") == "thompson"
    assert (served.filter(~explores)["propensity"] == 1).all()
    drawn = served.filter(explores)["propensity"]
    assert drawn.min() > 0
    assert drawn.n_unique() > 2
    assert drawn.mean() > 0.5


def test_uplift_orders_by_money_and_no_other_does(whole: Path) -> None:
    served = rows(whole, "recommendations").sort("customer_id", "rank")
    by_money = served.filter(pl.col("algorithm") == "uplift")
    falls = by_money.with_columns(step=pl.col("value_ron").diff().over("customer_id"))["step"].drop_nulls()
    assert (falls <= 0).all()
    assert served.filter(pl.col("algorithm") != "uplift")["value_ron"].null_count() == len(served) - len(by_money)


def test_the_fifth_channel_finds_what_the_customer_has_not_bought(whole: Path) -> None:
    pool = rows(whole, "candidate_pool")
    found = pool.filter(pl.col("embedding_rank").is_not_null())
    bought = rows(whole, "interaction_features").select("customer_id", "offer_id", "bought_before")
    assert len(found)
    assert found.join(bought, on=["customer_id", "offer_id"])["bought_before"].max() == 0
    alone = found.filter(pl.all_horizontal(pl.col(f"{name}_rank").is_null() for name in STRATEGIES))
    assert 0 < len(alone) < len(pool)


def test_every_challenger_has_its_gate(whole: Path) -> None:
    gates = rows(whole, "promotion_gates")
    champion = gates["champion"].unique().item()
    assert set(gates["algorithm"]) == set(map(str, SERVABLE)) - {champion}
    assert not gates["is_passed"].any()  # 150 customers are too few


@pytest.mark.parametrize("algorithm", [Algorithm.SASREC, Algorithm.UPLIFT])
def test_the_twin_chooses_what_the_pipeline_recommends(whole: Path, algorithm: Algorithm) -> None:
    """Also where a scorer reads a network of purchase sequences, or margins."""
    settings, models, some = load_settings(whole), ModelStore(whole), list(range(3, 150, 7))
    nobody = {"customer_id": pl.Int32, "offer_id": pl.Int32, "position": pl.Int8, "propensity": pl.Float64}
    scorer = load_scorer(algorithm, models.load(f"{algorithm}_ranker", RUN_DATE))
    memory = Memory(Warehouse(whole, ENGINE), settings.calendar_start, RUN_DATE)
    with memory.opening(RUN_DATE) as opening:
        candidates = candidates_of(opening, some, settings)
        score = scored_by(str(algorithm), scorer, settings, models)
        scored, _ = score_candidates(opening, candidates, pl.DataFrame(schema=nobody), score)
        chosen = choose(opening, candidates, scored, settings, settings.seed, least_score=0.0)
    memory.close()
    by_algorithm = (pl.col("algorithm") == str(algorithm)) & pl.col("customer_id").is_in(some)
    recommended = rows(whole, "recommendations").filter(by_algorithm).sort("customer_id", "rank")
    assert len(chosen) > 100
    assert (
        chosen.select("customer_id", "rank", "offer_id").rows()
        == recommended.select("customer_id", "rank", "offer_id").rows()
    )
    assert chosen["score"].to_list() == pytest.approx(recommended["score"].to_list(), rel=1e-4)
