"""The retrieval strategies, one signature: a market, the run date and the settings give ranked offers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeAlias

from metro_assets.candidates.embedding import retrieve_embedding
from metro_assets.candidates.market import Market
from metro_assets.config import Candidates
from metro_assets.sql import Relation, query, values
from metro_assets.vocabulary import Strategy

Retrieve: TypeAlias = Callable[[Market, date, Candidates], Relation]
"""Gives customer_id, offer_id and rank, 1 is the best, at most `per_strategy` of a customer; ties by offer id."""


def retrieve_category_affinity(market: Market, run_date: date, settings: Candidates) -> Relation:
    """Offers of the categories on which the customer spends most; none for who bought nothing."""
    return query(
        __package__,
        Strategy.CATEGORY_AFFINITY,
        shelves=market.customer_shelves,
        shelf_offers=market.shelf_offers,
        listed_offers=market.listed_offers,
        offers=market.offers,
        spend=market.category_spend,
        parameters=values(per_strategy=settings.per_strategy),
    )


def retrieve_segment_popularity(market: Market, run_date: date, settings: Candidates) -> Relation:
    """Offers whose products the largest share of the segment bought in the window; also for who bought nothing."""
    return query(
        __package__,
        Strategy.SEGMENT_POPULARITY,
        shelves=market.customer_shelves,
        shelf_offers=market.shelf_offers,
        listed_offers=market.listed_offers,
        offers=market.offers,
        parameters=values(per_strategy=settings.per_strategy),
    )


def retrieve_repeat_purchases(market: Market, run_date: date, settings: Candidates) -> Relation:
    """Offers on products that the customer bought in the window, often and lately."""
    return query(
        __package__,
        Strategy.REPEAT_PURCHASE,
        shelves=market.customer_shelves,
        shelf_offers=market.shelf_offers,
        listed_offers=market.listed_offers,
        customer_offers=market.customer_offers,
        parameters=values(
            per_strategy=settings.per_strategy, run_date=run_date, half_life_days=settings.repeat_half_life_days
        ),
    )


def retrieve_high_margin(market: Market, run_date: date, settings: Candidates) -> Relation:
    """Offers that leave the company most per customer of the segment; none where costs are unknown."""
    return query(
        __package__,
        Strategy.HIGH_MARGIN,
        shelves=market.customer_shelves,
        shelf_offers=market.shelf_offers,
        listed_offers=market.listed_offers,
        offers=market.offers,
        parameters=values(per_strategy=settings.per_strategy),
    )


STRATEGIES: dict[Strategy, Retrieve] = {
    Strategy.CATEGORY_AFFINITY: retrieve_category_affinity,
    Strategy.SEGMENT_POPULARITY: retrieve_segment_popularity,
    Strategy.REPEAT_PURCHASE: retrieve_repeat_purchases,
    Strategy.HIGH_MARGIN: retrieve_high_margin,
    Strategy.EMBEDDING: retrieve_embedding,
}
