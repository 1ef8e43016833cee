"""The reason of one recommendation in words, written from docs/ranking.md; only the words are the platform's."""

from __future__ import annotations

from datetime import date
from typing import Any

from metro_assets.config import Selection
from metro_assets.selection.reasons import CATEGORY_WORDS, LAPSED_CYCLES, ROUND_SHARES, TRADE_WORDS


def reason(row: Any, settings: Selection, run_date: date) -> str:
    """The first statement that is true of a row of facts; a missing number is NaN, which no comparison holds for."""
    if isinstance(row.viewed_product_name, str):
        return f"You looked at {row.viewed_product_name} in the web shop {_days_ago(row.viewed_days)}"
    if row.mechanic == "BIRTHDAY" and row.founded_years >= 1:
        return f"{_counted(row.founded_years, 'year')} in business: for your company's anniversary"
    if row.mechanic == "RFM_REACTIVATION":
        if row.recency_days >= 0:
            return f"We have missed you: your last order was {_days_ago(row.recency_days)}"
        return "We have missed you: you have not ordered for months"
    if row.mechanic == "NEW_CUSTOMER_ONBOARDING":
        return f"Welcome: you have had your card for {_counted(row.registered_days, 'day')}"
    if row.order_count >= 1:
        return _own_purchase(row)
    trade = TRADE_WORDS.get(row.business_type, f"{row.business_type.lower().replace('_', ' ')} businesses")
    if row.category_share >= settings.reason_category_share:
        return f"{_share(row.category_share)} of your spend is {CATEGORY_WORDS[row.category]}"
    if row.nearby_buyer_count >= settings.reason_nearby_buyers:
        return f"Popular with {trade} near you: {row.nearby_buyer_count} in {row.county} bought it lately"
    if row.type_share >= settings.reason_type_share and row.member_count >= 1 / settings.reason_type_share:
        return f"{round(100 * row.type_share)} % of {trade} buy it"
    saved_share = 1 - row.offer_unit_price_ron / row.usual_unit_price_ron
    if saved_share >= settings.reason_saving_share:
        quantity = str(round(row.usual_quantity, 1)).removesuffix(".0")
        return f"{round(100 * saved_share)} % under the price for {quantity} {row.unit}"
    if row.valid_to_date.date() == run_date:
        return "On offer today only"
    return f"On offer until {row.valid_to_date.day} {row.valid_to_date:%B}"


def _own_purchase(row: Any) -> str:
    ago, times = _days_ago(row.last_bought_days), int(row.order_count)
    if times >= 3 and round(row.cycle_days) >= 1:
        verb = "You used to buy" if row.last_bought_days > LAPSED_CYCLES * row.cycle_days else "You buy"
        cycle = round(row.cycle_days)
        return f"{verb} {row.product_name} every {'day' if cycle <= 1 else f'{cycle} days'}, last time {ago}"
    if times == 1:
        return f"You bought {row.product_name} {ago}"
    return f"You bought {row.product_name} {'twice' if times == 2 else f'{times} times'}, last time {ago}"


def _share(share: float) -> str:
    words = [word for low, high, word in ROUND_SHARES if low <= share <= high]
    return words[-1] if words else f"{round(100 * share)} %"


def _days_ago(days: float) -> str:
    return "yesterday" if days <= 1 else f"{int(days)} days ago"


def _counted(number: float, noun: str) -> str:
    return f"{int(number)} {noun if int(number) == 1 else noun + 's'}"
