"""Who learns from which campaigns and is judged on which: the given split, and campaign after campaign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metro_assets.studies.complete_journey.history import Campaign

GIVEN_TRAIN, GIVEN_TEST = (27, *range(1, 14)), (16, 17, 18, 19)
WITHOUT_HISTORY = (24, 25, 26)
"""Began before the data do, or within days of it."""
CUT_OFF = (15, 20, 21, 22, 23)
"""Outlast the data: who redeems late looks as if they never did."""
FIRST_ROLLING = 8
VALIDATION_SHARE = 0.25
"""Redemptions of the training campaigns that the newest of them must hold to stop, choose and calibrate by."""


@dataclass(frozen=True)
class Fold:
    """Campaigns to learn from, by their numbers, and to be judged on."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]


def given_split() -> Fold:
    """Campaigns that ended by 24 September 2017 against 16 to 19."""
    return Fold("given", GIVEN_TRAIN, GIVEN_TEST)


def rolling_folds(campaigns: Sequence[Campaign], numbers: Sequence[int] | None = None) -> list[Fold]:
    """For every campaign from the eighth on: what had ended before its first day. Cut-off ones judge nobody."""
    usable = [campaign for campaign in campaigns if campaign.campaign_id not in WITHOUT_HISTORY]
    judged = [
        campaign
        for campaign in usable
        if FIRST_ROLLING <= campaign.campaign_id < min(WITHOUT_HISTORY) and campaign.campaign_id not in CUT_OFF
    ]
    return [
        Fold(
            str(campaign.campaign_id),
            tuple(past.campaign_id for past in usable if past.last_date < campaign.first_date),
            (campaign.campaign_id,),
        )
        for campaign in judged
        if numbers is None or campaign.campaign_id in numbers
    ]


def newest_for_validation(
    train: Sequence[int], campaigns: Sequence[Campaign], redemptions: dict[int, int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Older and newest training campaigns; the newest hold at least `VALIDATION_SHARE` of the redemptions.

    Campaigns of one first day stay together; if nothing older is left, nothing is held back.
    """
    newest_first = sorted(
        (campaign for campaign in campaigns if campaign.campaign_id in train),
        key=lambda campaign: (campaign.first_date, campaign.campaign_id),
        reverse=True,
    )
    wanted = VALIDATION_SHARE * sum(redemptions.get(number, 0) for number in train)
    held, last = list[int](), None
    for campaign in newest_first:
        if sum(redemptions.get(number, 0) for number in held) >= wanted and campaign.first_date != last:
            break
        held.append(campaign.campaign_id)
        last = campaign.first_date
    older = tuple(number for number in train if number not in held)
    return (older, tuple(sorted(held))) if sum(redemptions.get(number, 0) for number in older) else (tuple(train), ())
