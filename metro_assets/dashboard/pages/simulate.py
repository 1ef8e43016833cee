"""Page simulate: a customer as they might be, and what they would be offered; the address holds the whole scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse

from metro_assets.dashboard.downloads import csv_file
from metro_assets.dashboard.reasons import reason_in
from metro_assets.dashboard.rendering import SECURITY_HEADERS, PageRoute, Visit, Visits
from metro_assets.dashboard.simulation.everybody import Everybody
from metro_assets.dashboard.simulation.scenario import Scenario
from metro_assets.dashboard.simulation.scorers import CannotScoreError
from metro_assets.dashboard.simulation.simulator import Simulation, everybody_of, simulate
from metro_assets.vocabulary import CUSTOMER_FEATURES

router = APIRouter(route_class=PageRoute, include_in_schema=False)
PATH = "/simulate"
SUGGESTIONS = 20
OWN_SUGGESTIONS = 30
Asked = Annotated[Scenario, Query()]


@router.get(PATH)
def show(visit: Visits, scenario: Asked, format: str = "") -> Response:
    """The form and what the scenario in the address changes."""
    try:
        simulation = simulate(visit.desk, scenario)
    except CannotScoreError as error:
        return _without_scores(visit, scenario, error)
    if format == "csv":
        return csv_file(f"simulation-{simulation.publication.run_date}", _table(simulation))
    response = visit.page("simulate.html", **_form(visit, scenario, simulation), **_outcome(simulation))
    response.headers["Server-Timing"] = _timing(simulation)
    return response


@router.get(f"{PATH}/outcome")
def show_outcome(visit: Visits, scenario: Asked) -> Response:
    """What the scenario changes, alone: for the page that is open already."""
    try:
        simulation = simulate(visit.desk, scenario)
    except CannotScoreError as error:
        text = visit.fragment("simulate_cannot.html", scenario=scenario, code=error.code, detail=error.detail)
        return HTMLResponse(text, 200, SECURITY_HEADERS)
    response = HTMLResponse(visit.fragment("simulate_outcome.html", **_outcome(simulation)), 200, SECURITY_HEADERS)
    response.headers["Server-Timing"] = _timing(simulation)
    return response


@router.get(f"{PATH}/products")
def suggest_products(visit: Visits, q: Annotated[str, Query(max_length=80)] = "") -> JSONResponse:
    """Products whose name holds every word, for the form: id and name."""
    opened = visit.desk.opened()
    products = everybody_of(visit.desk, opened.publication).assortment.products
    for part in q.lower().split():
        products = products.filter(pl.col("name").str.to_lowercase().str.contains(part, literal=True))
    found = products.select("product_id", "name").head(SUGGESTIONS) if q.strip() else products.clear()
    return JSONResponse(
        [{"id": number, "name": name} for number, name in found.select("product_id", "name").iter_rows()]
    )


def _without_scores(visit: Visit, scenario: Scenario, error: CannotScoreError) -> HTMLResponse:
    """The page of an algorithm that cannot be computed again here, with those that can."""
    opened = visit.desk.opened(scenario.date)
    return visit.page(
        "simulate_without_scores.html",
        scenario=scenario,
        code=error.code,
        detail=error.detail,
        others=[name for name in opened.algorithms if name != scenario.algorithm],
        address_of=lambda name: scenario.model_copy(update={"algorithm": name}).address(PATH),
    )


def _form(visit: Visit, scenario: Scenario, simulation: Simulation) -> dict[str, Any]:
    """What the form shows beside what the person chose."""
    opened = visit.desk.opened(scenario.date)
    everybody = everybody_of(visit.desk, simulation.publication)
    types = everybody.kinds.filter(pl.col("segment") == simulation.after_segment)["business_type"].to_list()
    own_type = str(simulation.customer["business_type"])
    return {
        "opened": opened,
        "segments": sorted(set(everybody.kinds["segment"])),
        "typical": everybody.typical,
        "types": types if own_type in types else [own_type, *types],
        "categories": _categories(everybody, scenario, simulation),
        "products": _product_rows(everybody, scenario, simulation),
        "suggested": _suggested(everybody, simulation),
        "run_dates": visit.desk.run_dates(),
    }


def _outcome(simulation: Simulation) -> dict[str, Any]:
    """What the scenario changes, as the template reads it."""
    counts = {kind: sum(move.kind == kind for move in simulation.moves) for kind in ("in", "out", "up", "down", "same")}
    return {
        "scenario": simulation.scenario,
        "simulation": simulation,
        "counts": counts,
        "features": [
            (name, simulation.before.features.get(name), simulation.after.features.get(name))
            for name in CUSTOMER_FEATURES
        ],
        "here_address": simulation.scenario.address(PATH),
        "csv_address": simulation.scenario.address(PATH, format="csv"),
        "reason_in": reason_in,
        "path": PATH,
    }


def _categories(
    everybody: Everybody, scenario: Scenario, simulation: Simulation
) -> list[tuple[str, float, float | None]]:
    """Every category with its share as it is and as it is asked for in per cent; the customer's largest first."""
    asked = dict(zip(scenario.category, scenario.share, strict=True))
    own = simulation.habits.shares
    others = sorted(set(everybody.assortment.products["category"]) - set(own))
    return [(name, own.get(name, 0.0), asked.get(name)) for name in (*own, *others)]


def _product_rows(
    everybody: Everybody, scenario: Scenario, simulation: Simulation
) -> Sequence[tuple[int | None, str, int | None, int | None, tuple[int, int] | None]]:
    """Rows of the form: product, name, times, last as asked for, and both as they are; an empty one at the end."""
    names = _names(everybody, list(scenario.purchases))
    rows: list[tuple[int | None, str, int | None, int | None, tuple[int, int] | None]] = [
        (product, names.get(product, ""), times, last, simulation.habits.purchases.get(product))
        for product, (times, last) in scenario.purchases.items()
    ]
    return [*rows, (None, "", None, None, None)]


def _suggested(everybody: Everybody, simulation: Simulation) -> list[tuple[int, str]]:
    """Products that a person may want to play with: of the slate, and bought most."""
    habits = simulation.habits.purchases
    most = sorted(habits, key=lambda product: (-habits[product][0], product))[:OWN_SUGGESTIONS]
    shown = [int(product) for product in simulation.before.slate["product_id"]]
    wanted = list(dict.fromkeys([*shown, *most]))
    names = _names(everybody, wanted)
    return [(product, names[product]) for product in wanted if product in names]


def _names(everybody: Everybody, products: Sequence[int]) -> Mapping[int, str]:
    rows = everybody.assortment.products.filter(pl.col("product_id").is_in(list(products)))
    return dict(rows.select("product_id", "name").iter_rows())


def _table(simulation: Simulation) -> pl.DataFrame:
    """The offers of both slates with the columns of `recommendations`, and how each moved."""
    rows = [
        {
            "kind": str(move.kind),
            "before_rank": move.before_rank,
            "after_rank": move.after_rank,
            "before_score": move.before_score,
            "after_score": move.after_score,
            "cause": str(move.cause) if move.cause else None,
            **{name: move.offer[name] for name in ("offer_id", "offer_name", "product_id", "product_name", "category")},
        }
        for move in simulation.moves
    ]
    return pl.DataFrame(rows)


def _timing(simulation: Simulation) -> str:
    """The milliseconds of each step, for who measures."""
    steps = {**simulation.after.milliseconds, "all": simulation.milliseconds}
    return ", ".join(f"{name};dur={milliseconds:.1f}" for name, milliseconds in steps.items())
