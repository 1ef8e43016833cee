"""Who may import whom: stages never import each other, only wiring imports Dagster, only evaluation sees the truth."""

import ast
from pathlib import Path

import pytest

import metro_assets

ROOT = Path(metro_assets.__file__).parent
STAGES = (
    "sources",
    "features",
    "embeddings",
    "candidates",
    "sequences",
    "ranking",
    "selection",
    "serving",
    "monitoring",
    "evaluation",
)
WORDS = {"config", "vocabulary", "pricing", "metrics", "uplift_metrics", "distributions", "draws", "sql"}
"""Modules that belong to no stage and import none."""


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every imported module of a file, also inside functions, as dotted names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(name: str) -> str:
    """`metro_assets.ranking.fitting.x` lies in the room `ranking`."""
    parts = name.split(".")
    return parts[1] if parts[0] == "metro_assets" and len(parts) > 1 else ""


def allowed(path: Path) -> set[str]:
    relative = path.relative_to(ROOT)
    room, is_wiring = relative.parts[0].removesuffix(".py"), relative.name == "assets.py"
    if room in STAGES:
        knows_tables = room == "serving" or relative.parts[:2] == ("sources", "files")
        storage = {"storage"} if knows_tables or is_wiring else set()
        return WORDS | {room} | storage | ({"orchestration"} if is_wiring else set())
    if room == "orchestration":
        return WORDS | {"orchestration", "storage"} | ({"sources"} if relative.name == "resources.py" else set())
    if room == "storage":
        return WORDS | {"storage"}
    if room in WORDS:
        return WORDS
    if room == "studies":
        return {*WORDS, *STAGES, "storage", "studies", "orchestration", "experiments"}
    if room == "experiments":
        return {*WORDS, *STAGES, "storage", "experiments"}
    if room == "dashboard":
        return {*WORDS, *STAGES, "storage", "dashboard"}
    return {*WORDS, *STAGES, "storage", "orchestration", "cli", "definitions", "experiments", "dashboard"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    rooms = {room_of(name) for name in imports(path)} - {""}
    assert rooms <= allowed(path)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_dagster_is_for_wiring_and_the_commands(path: Path) -> None:
    uses = any(name.split(".")[0] == "dagster" for name in imports(path))
    room = path.relative_to(ROOT).parts[0]
    assert not uses or path.name == "assets.py" or room in {"orchestration", "definitions.py", "cli"}


def test_the_truth_is_behind_a_wall() -> None:
    truth = "metro_assets.sources.synthetic.truth"
    importers = {
        path.relative_to(ROOT).as_posix() for path in modules() if any(n.startswith(truth) for n in imports(path))
    }
    judging = {f"experiments/{name}.py" for name in ("play", "promises", "scoreboard")}
    assert importers == {"orchestration/resources.py", *judging}
    users = {
        path.relative_to(ROOT).parts[0]
        for path in modules()
        if "oracle" in path.read_text(encoding="utf-8").lower() and "sources" not in path.parts
    }
    assert users <= {
        "evaluation",
        "orchestration",
        "vocabulary.py",
        "cli",
        "studies",
        "experiments",
        "dashboard",
        "config.py",
    }


@pytest.mark.parametrize(("room", "readers"), [("experiments", {"cli", "studies"}), ("dashboard", {"cli"})])
def test_nothing_of_the_pipeline_knows_the_twin_or_the_pages(room: str, readers: set[str]) -> None:
    importers = {
        path.relative_to(ROOT).parts[0]
        for path in modules()
        if any(name.startswith(f"metro_assets.{room}") for name in imports(path))
    }
    assert importers == {*readers, room}
