"""Where every candidate of a customer stands: among the ten, or what kept it out and what would have brought it in.

The rules are those of the selection, applied again to the customer's own scored candidates; the ten are the published
ones. What chance decided (Thompson sampling) is said to be chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

import duckdb
import polars as pl
from duckdb import ColumnExpression, ConstantExpression

from metro_assets.config import Selection
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.kept import once
from metro_assets.selection.rules import WEEK_DAYS, judged_candidates
from metro_assets.serving.publish import Publication
from metro_assets.serving.queries import OpenPublication
from metro_assets.serving.schemas import CustomerProfile, Recommendation, Slate
from metro_assets.sql import query
from metro_assets.storage.errors import explained
from metro_assets.vocabulary import UNKNOWN, UNRANKED, Algorithm

KEPT = 8
"""Publications whose offers are kept."""
CONSENTS = ("has_email_consent", "has_sms_consent", "has_whatsapp_consent")
EVENT = {"customer_id": pl.Int32(), "offer_id": pl.Int32(), "run_date": pl.Date(), "recorded_date": pl.Date()}
"""What the rules read of impressions and redemptions."""
BELOW_ALL_VALUES = -1e9
"""Where a value in RON is unknown, the score orders below every sum of money, as the policy has it."""


class Fate(StrEnum):
    """What became of a candidate: chosen, or the first thing that kept it out."""

    CHOSEN = "CHOSEN"
    NO_CONSENT = "NO_CONSENT"
    ALREADY_REDEEMED = "ALREADY_REDEEMED"
    EXPOSURE_LIMIT = "EXPOSURE_LIMIT"
    CATEGORY_LIMIT = "CATEGORY_LIMIT"
    NOT_DRAWN = "NOT_DRAWN"
    OUTRANKED = "OUTRANKED"


class ScoredOffer(NamedTuple):
    """An offer with its score and the rule that forbids it."""

    offer_id: int
    offer_name: str
    product_name: str | None
    mechanic: str
    category: str
    valid_to_date: date
    score: float
    value_ron: float | None
    barrier: str | None
    """The rule that forbids it; None: none does."""


@dataclass(frozen=True)
class Candidate:
    """An offer that was scored for the customer, and what became of it."""

    offer: ScoredOffer
    place: int
    """Among all candidates, by what the policy orders by; 1 is the best."""
    preference: float
    """What the policy orders by: the score, or RON."""
    fate: Fate
    needed: float | None
    """Preference from which it would have been chosen, all else as it was; None: chosen, or no score would do."""


@dataclass(frozen=True)
class Showings:
    """What the rules know of a customer and an offer."""

    redeemed_date: date | None
    exposure_count: int
    first_exposure_date: date | None

    @property
    def allowed_date(self) -> date | None:
        """The first day on which the oldest showing is past the week; None: not shown."""
        return self.first_exposure_date + timedelta(days=WEEK_DAYS) if self.first_exposure_date else None


@dataclass(frozen=True)
class Move:
    """An offer in two lists; `kind` is SAME, UP, DOWN, IN (only in this one) or OUT (only in the other)."""

    offer: Recommendation
    rank: int | None
    other_rank: int | None

    @property
    def kind(self) -> str:
        """What the list does to the offer, seen from the other."""
        if self.rank is None or self.other_rank is None:
            return "OUT" if self.rank is None else "IN"
        return "SAME" if self.rank == self.other_rank else "UP" if self.rank < self.other_rank else "DOWN"

    @property
    def steps(self) -> int:
        """Places moved; 0 for what is in one list only."""
        return 0 if self.rank is None or self.other_rank is None else abs(self.rank - self.other_rank)


def moves(offers: Sequence[Recommendation], others: Sequence[Recommendation]) -> list[Move]:
    """The offers of a list in its order, then those that only the other has."""
    ranks = {offer.offer_id: offer.rank for offer in others}
    own = {offer.offer_id for offer in offers}
    kept = [Move(offer, offer.rank, ranks.get(offer.offer_id)) for offer in offers]
    return kept + [Move(offer, None, offer.rank) for offer in others if offer.offer_id not in own]


def counts_money(algorithm: str) -> bool:
    """Whether its policy orders by RON rather than by the score."""
    return algorithm == Algorithm.UPLIFT


def is_chance(algorithm: str) -> bool:
    """Whether its scores are probabilities; those of the order of retrieval are places."""
    return algorithm != UNRANKED


def explores(algorithm: str) -> bool:
    """Whether chance has a part in what its policy shows."""
    return algorithm == Algorithm.THOMPSON


def candidates(desk: Desk, opened: OpenPublication, slate: Slate, profile: CustomerProfile) -> list[Candidate]:
    """Every scored candidate of a customer, best first; none where the scores of the run date are not kept."""
    run_date, customer_id = opened.publication.run_date, profile.customer_id
    live = live_offers(desk, opened.publication)
    with desk.reading() as connection, explained():
        scored = desk.table(connection, "scored_candidates", [run_date]).filter(
            (ColumnExpression("customer_id") == ConstantExpression(customer_id))
            & (ColumnExpression("algorithm") == ConstantExpression(slate.algorithm))
        )
        found: pl.DataFrame = scored.pl()
        events = _events(desk, connection, live, run_date, customer_id)
        consent = pl.DataFrame(
            [profile.model_dump(include={"customer_id", *CONSENTS})],
            schema_overrides=dict.fromkeys(CONSENTS, pl.Boolean),
        )
        scores, terms, consents, impressions, redemptions = (
            connection.from_arrow(frame.to_arrow()) for frame in (found, live, consent, *events)
        )
        judged = judged_candidates(scores, terms, consents, impressions, redemptions, run_date, desk.settings.selection)
        barriers = dict(judged.select("offer_id, barrier").fetchall())
    known = found.join(live, on="offer_id").filter(pl.col("offer_id").is_in(list(barriers)))
    rows = known.select(name for name in ScoredOffer._fields if name != "barrier").to_dicts()
    offers = [ScoredOffer(**row, barrier=barriers[row["offer_id"]]) for row in rows]
    return placed(offers, [offer.offer_id for offer in slate.offers], slate.algorithm, desk.settings.selection)


@once(KEPT)
def live_offers(desk: Desk, publication: Publication) -> pl.DataFrame:
    """One row per offer of a run date: offer_name, product_name, mechanic, category, validity."""
    run_date = publication.run_date
    with desk.reading() as connection, explained():
        found: pl.DataFrame = query(
            __package__,
            "live_offers",
            offers=desk.table(connection, "offers", [run_date]),
            offer_products=desk.table(connection, "offer_products", [run_date]),
            products=desk.table(connection, "products"),
        ).pl()
    return found


def placed(
    offers: Sequence[ScoredOffer], chosen: Sequence[int], algorithm: str, settings: Selection
) -> list[Candidate]:
    """The candidates in the order of the policy, each with what became of it.

    Parameters
    ----------
    chosen : offer ids of the slate that was published.
    """
    preferences = {offer.offer_id: preference(offer, algorithm) for offer in offers}
    slate = [offer for offer in offers if offer.offer_id in set(chosen)]
    is_full = len(chosen) >= settings.slate_size
    last = min((preferences[offer.offer_id] for offer in slate), default=None)

    def judged(offer: ScoredOffer) -> tuple[Fate, float | None]:
        if offer in slate:
            return Fate.CHOSEN, None
        if offer.barrier is not None:
            return Fate(offer.barrier), None
        rivals = [preferences[other.offer_id] for other in slate if other.category == offer.category]
        is_capped = offer.category != UNKNOWN and len(rivals) >= settings.maximum_per_category
        needed = min(rivals) if is_capped else last
        beats_the_last = last is not None and preferences[offer.offer_id] > last
        if is_capped and (beats_the_last or not is_full):
            return Fate.CATEGORY_LIMIT, needed
        if explores(algorithm) and beats_the_last:
            return Fate.NOT_DRAWN, None
        return Fate.OUTRANKED, needed

    ordered = sorted(offers, key=lambda offer: (-preferences[offer.offer_id], offer.offer_id))
    return [
        Candidate(offer, place, preferences[offer.offer_id], *judged(offer))
        for place, offer in enumerate(ordered, start=1)
    ]


def preference(offer: ScoredOffer, algorithm: str) -> float:
    """What the policy of an algorithm orders by."""
    if not counts_money(algorithm):
        return offer.score
    return BELOW_ALL_VALUES + offer.score if offer.value_ron is None else offer.value_ron


def showings(desk: Desk, opened: OpenPublication, customer_id: int, offer_id: int) -> Showings:
    """What the rules know of a customer and an offer at the opening of the run date."""
    run_date = opened.publication.run_date
    live = live_offers(desk, opened.publication)
    with desk.reading() as connection, explained():
        shown, redeemed = _events(desk, connection, live, run_date, customer_id)
    known = (pl.col("offer_id") == offer_id) & (pl.col("recorded_date") < run_date)
    exposures = shown.filter(known)["run_date"]
    return Showings(redeemed.filter(known)["run_date"].max(), len(exposures), exposures.min())  # type: ignore[arg-type]


def _events(
    desk: Desk, connection: duckdb.DuckDBPyConnection, live: pl.DataFrame, run_date: date, customer_id: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The customer's impressions of the week, and the redemptions of the days on which the live offers were valid."""
    yesterday = run_date - timedelta(days=1)
    earliest = live["valid_from_date"].min()
    assert earliest is None or isinstance(earliest, date)
    first = max(earliest or run_date, run_date - timedelta(days=desk.settings.selection.redemption_days))
    week = (run_date - timedelta(days=WEEK_DAYS - 1), yesterday)
    customer = ColumnExpression("customer_id") == ConstantExpression(customer_id)

    def events(table: str, dates: tuple[date, date]) -> pl.DataFrame:
        rows = desk.table(connection, table, dates).filter(customer).select(*EVENT)
        return pl.DataFrame(rows.fetchall(), EVENT, orient="row")

    return events("impressions", week), events("redemptions", (min(first, yesterday), yesterday))
