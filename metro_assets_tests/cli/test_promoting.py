"""`metro promote`: the gate is obeyed, an open one changes what is served at once, and the next morning keeps it."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from metro_assets.config import Engine, load_settings
from metro_assets.evaluation.gate import gate_row, gates
from metro_assets.ranking.assets import champion as champion_of_the_day
from metro_assets.serving.publish import Publications
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import ALGORITHMS, RUN_DATE, metro

pytestmark = pytest.mark.slow

ENGINE = Engine(memory_limit="1GB", threads=1)


def served(root: Path) -> str:
    champion = ModelStore(root).champion()
    assert champion is not None
    return champion.version.name.removesuffix("_ranker")


def challenger_of(root: Path) -> str:
    return next(name for name in ALGORITHMS if name != served(root))


def open_gate(root: Path, challenger: str) -> None:
    """As if the challenger had shown enough."""
    row = gate_row(challenger, served(root), RUN_DATE, None, None, [], load_settings().gate)
    rows = gates([row]).with_columns(is_passed=pl.lit(True), objections=pl.lit([], dtype=pl.List(pl.String)))
    Warehouse(root, ENGINE).write("promotion_gates", RUN_DATE, rows)


def test_every_challenger_is_listed_with_what_speaks_against_it(ran: Path) -> None:
    done = metro("promote", warehouse=ran)
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.splitlines() if f" {served(ran)} " in line}
    assert challenger_of(ran) in listed
    assert served(ran) not in listed
    assert "closed: " in done.stdout


def test_a_closed_gate_is_obeyed_and_an_unknown_name_is_said(ran: Path) -> None:
    before = served(ran)
    refused = metro("promote", challenger_of(ran), warehouse=ran)
    assert refused.returncode == 1
    assert "customers in effect are fewer than 100" in refused.stderr
    assert "no gate was measured for nobody" in metro("promote", "nobody", warehouse=ran).stderr
    assert "is the champion already" in metro("promote", before, warehouse=ran).stdout
    assert served(ran) == before


def test_an_open_gate_serves_the_challenger_at_once_and_the_next_choice_keeps_it(copied: Path) -> None:
    before, challenger = served(copied), challenger_of(copied)
    open_gate(copied, challenger)
    done = metro("promote", challenger, warehouse=copied)
    assert done.returncode == 0, done.stderr
    assert f"serves the order of {challenger} from now on" in done.stdout
    assert served(copied) == challenger
    assert Publications(copied, 14).current().champion == challenger

    models, settings = ModelStore(copied), load_settings(copied)
    context = dg.build_asset_context(partition_key=str(RUN_DATE))
    champion_of_the_day(context, settings=settings, models=models)
    assert served(copied) == challenger

    back = metro("rollback", warehouse=copied)
    assert back.returncode == 0, back.stderr
    assert f"{before} was served before {challenger} was promoted" in " ".join(back.stdout.split())
    assert served(copied) == before
    models.unpin()
    champion_of_the_day(context, settings=settings, models=models)
    assert served(copied) == before


def test_a_promoted_champion_whose_model_is_gone_is_stood_in_for(copied: Path) -> None:
    before, challenger = served(copied), challenger_of(copied)
    models, settings = ModelStore(copied), load_settings(copied)
    version = models.newest(f"{challenger}_ranker", RUN_DATE, RUN_DATE)
    assert version is not None
    models.promote(version, RUN_DATE, through_gate=True)
    (models.root / version.name / f"run_date={RUN_DATE}" / "metadata.json").unlink()
    context = dg.build_asset_context(partition_key=str(RUN_DATE))
    told = champion_of_the_day(context, settings=settings, models=models)
    assert told.metadata["stands in"] == before
    assert served(copied) == before
