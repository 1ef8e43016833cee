"""The receipt of one offer for one customer: features, contributions to the score, rules, model, and the way in."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse, Response

from metro_assets.dashboard.customer.receipt import Account, account, passed_over, way_in
from metro_assets.dashboard.customer.standing import ScoredOffer, candidates, counts_money, is_chance, showings
from metro_assets.dashboard.downloads import csv_file
from metro_assets.dashboard.pages.customer import AlgorithmName, CustomerId, Morning
from metro_assets.dashboard.reasons import reason_in
from metro_assets.dashboard.rendering import PageRoute, Visit, Visits
from metro_assets.serving.schemas import CustomerProfile

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/customers/{customer_id:int}/offers/{offer_id:int}")
def show(
    visit: Visits,
    customer_id: CustomerId,
    offer_id: Annotated[int, Path(ge=0, le=2**31 - 1)],
    run_date: Morning = None,
    algorithm: AlgorithmName = None,
    format: Literal["html", "csv"] = "html",
) -> Response:
    """The page, or its features and contributions as a file."""
    desk = visit.desk
    opened = desk.opened(run_date)
    profile = opened.profile(customer_id)
    slate = opened.slate(customer_id, algorithm)
    offer = next((one for one in slate.offers if one.offer_id == offer_id), None)
    standing = candidates(desk, opened, slate, profile)
    candidate = next((one for one in standing if one.offer.offer_id == offer_id), None)
    shared: dict[str, Any] = {
        "profile": profile,
        "slate": slate,
        "algorithms": opened.algorithms,
        "offer_id": offer_id,
        "offer": offer,
        "reason": reason_in(visit.language, offer.reason) if offer else "",
        "candidate": candidate,
        "is_chance": is_chance(slate.algorithm),
    }
    if candidate is None:
        return _without_scores(visit, shared)
    own = account(desk, opened, slate.algorithm, customer_id, candidate)
    if format == "csv":
        return csv_file(f"receipt-{customer_id}-{offer_id}-{slate.run_date}-{slate.algorithm}", contribution_rows(own))
    return visit.page(
        "receipt.html",
        **shared,
        account=own,
        values={**own.features, **code_words(visit, profile, candidate.offer)},
        learned_from=learned_from(own),
        way_in=way_in(candidate, slate.algorithm),
        showings=showings(desk, opened, customer_id, offer_id),
        passed_over=passed_over(standing, candidate),
        last=next((one for one in reversed(standing) if one.fate == "CHOSEN"), None),
        counts_money=counts_money(slate.algorithm),
        exposures_allowed=desk.settings.selection.maximum_weekly_exposures,
        per_category=desk.settings.selection.maximum_per_category,
    )


def learned_from(own: Account) -> tuple[date, date] | None:
    """First and last day of the impressions behind the model that scored; None where they are not recorded."""
    windows = own.metadata.get("windows", {}).values()
    days = [date.fromisoformat(day) for window in windows for day in window]
    return (min(days), max(days)) if days else None


def code_words(visit: Visit, profile: CustomerProfile, offer: ScoredOffer) -> dict[str, str]:
    """What the codes among the features stand for, by feature."""
    return {
        "segment_code": visit.word("segment", profile.segment),
        "business_type_code": visit.word("business_type", profile.business_type),
        "store_code": profile.store_name or "–",
        "mechanic_code": visit.word("mechanic", offer.mechanic),
        "category_code": visit.word("category", offer.category),
        "anchor_code": offer.product_name or "–",
        "offer_code": str(offer.offer_id),
    }


def contribution_rows(own: Account) -> pl.DataFrame:
    """One row per feature: its value, and the log odds that it adds; the baseline first."""
    explained = own.explained
    baseline = [{"feature": "baseline", "value": None, "log_odds": explained.baseline}] if explained else []
    added = explained.contributions if explained else {}
    names = list(dict.fromkeys([*own.features, *added]))
    rows = [{"feature": name, "value": own.features.get(name), "log_odds": added.get(name)} for name in names]
    schema = {"feature": pl.String, "value": pl.Float64, "log_odds": pl.Float64}
    return pl.DataFrame([*baseline, *rows], schema)


def _without_scores(visit: Visit, shared: dict[str, Any]) -> HTMLResponse:
    """An offer that was no candidate, or of a morning whose scores are not kept any more."""
    return visit.page("receipt_unscored.html", 200 if shared["offer"] else 404, **shared)
