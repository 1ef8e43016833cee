"""Why an offer is recommended, in words a buyer understands: the first statement that is true and says something.

The order is what a buyer would find most telling: the occasion of a personal offer, their own purchases, their own
categories, what their trade buys, the price. A high margin is never a reason: it is none of the buyer's.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from metro_assets.config import Selection
from metro_assets.vocabulary import UNKNOWN, BusinessType, Category, OfferMechanic

CATEGORY_WORDS = {
    Category.MEAT_POULTRY: "meat and poultry",
    Category.DAIRY_EGGS: "dairy and eggs",
    Category.FRUITS_VEGETABLES: "fruit and vegetables",
    Category.BEVERAGES_NON_ALCOHOLIC: "soft drinks and water",
    Category.BAKERY_PASTRY: "bread and pastry",
    Category.FROZEN_FOODS: "frozen food",
    Category.GROCERY_STAPLES: "staples",
    Category.BEVERAGES_ALCOHOLIC: "beer, wine and spirits",
    Category.SEAFOOD: "fish and seafood",
    Category.CONFECTIONERY_SNACKS: "sweets and snacks",
    Category.CONDIMENTS_SPICES: "condiments and spices",
    Category.DELI_CHARCUTERIE: "deli and charcuterie",
    Category.COFFEE_TEA: "coffee and tea",
    Category.CLEANING_DETERGENTS: "cleaning supplies",
    Category.KITCHEN_TABLEWARE: "kitchenware",
    Category.HORECA_EQUIPMENT: "kitchen equipment",
    Category.PAPER_PACKAGING: "paper and packaging",
    Category.PERSONAL_CARE_HYGIENE: "hygiene supplies",
    Category.HOUSEHOLD_GOODS: "household goods",
    Category.OFFICE_SUPPLIES: "office supplies",
    Category.ELECTRONICS_APPLIANCES: "small appliances",
}
TRADE_WORDS = {
    BusinessType.PIZZERIA: "pizzerias",
    BusinessType.TRADITIONAL_RESTAURANT: "restaurants",
    BusinessType.HOTEL: "hotels",
    BusinessType.CAFE: "cafés",
    BusinessType.BAR: "bars",
    BusinessType.FAST_FOOD: "fast food kitchens",
    BusinessType.CATERING: "caterers",
    BusinessType.GHOST_KITCHEN: "ghost kitchens",
    BusinessType.NEIGHBOURHOOD_SHOP: "neighbourhood shops",
    BusinessType.KIOSK: "kiosks",
    BusinessType.OFFICE: "offices",
    BusinessType.HOSPITAL: "hospitals",
    BusinessType.SCHOOL: "schools",
    BusinessType.SERVICE_COMPANY: "service companies",
    BusinessType.PFA: "independent professionals",
    BusinessType.SMALL_SRL: "small businesses",
    BusinessType.UNKNOWN: "businesses",
}
ROUND_SHARES = ((0.18, 0.22, "A fifth"), (0.23, 0.27, "A quarter"), (0.31, 0.36, "A third"), (0.46, 0.54, "Half"))
"""Shares that have a word of their own: from, to, word."""
LAPSED_CYCLES = 2
"""Own cycles without a purchase after which a habit is spoken of as past."""


def reason(settings: Selection, run_date: date) -> pl.Expr:
    """The reason of a row with the columns of `tag_facts.sql` and its prices."""
    return pl.coalesce(
        web_visit(),
        anniversary(),
        lapse(),
        welcome(),
        own_rhythm(),
        own_purchase(),
        own_category(settings.reason_category_share),
        trade_nearby(settings.reason_nearby_buyers),
        trade(settings.reason_type_share),
        saving(settings.reason_saving_share),
        validity(run_date),
    )


def web_visit() -> pl.Expr:
    """The customer looked at the product: "You looked at Telemea 1 kg in the web shop 2 days ago"."""
    text = pl.format("You looked at {} in the web shop {}", "viewed_product_name", days_ago("viewed_days"))
    return pl.when(pl.col("viewed_product_name").is_not_null()).then(text)


def anniversary() -> pl.Expr:
    """The company's birthday: "12 years in business: for your company's anniversary"."""
    years = pl.col("founded_years").cast(pl.Int64)
    text = pl.format("{} in business: for your company's anniversary", counted(years, "year"))
    return pl.when((pl.col("mechanic") == OfferMechanic.BIRTHDAY) & (years >= 1)).then(text)


def lapse() -> pl.Expr:
    """The customer stayed away: "We have missed you: your last order was 34 days ago"."""
    days = pl.col("recency_days").cast(pl.Int64)
    text = (
        pl.when(days.is_null())
        .then(pl.lit("We have missed you: you have not ordered for months"))
        .otherwise(pl.format("We have missed you: your last order was {}", days_ago("recency_days")))
    )
    return pl.when(pl.col("mechanic") == OfferMechanic.RFM_REACTIVATION).then(text)


def welcome() -> pl.Expr:
    """The customer is new: "Welcome: you have had your card for 9 days"."""
    text = pl.format("Welcome: you have had your card for {}", counted(pl.col("registered_days"), "day"))
    return pl.when(pl.col("mechanic") == OfferMechanic.NEW_CUSTOMER_ONBOARDING).then(text)


def own_rhythm() -> pl.Expr:
    """A habit: "You buy Mozzarella every 6 days, last time 5 days ago"; a lapsed one is spoken of as past."""
    cycle = pl.col("cycle_days").round().cast(pl.Int64)
    every = pl.when(cycle <= 1).then(pl.lit("day")).otherwise(pl.format("{} days", cycle))
    is_past = pl.col("last_bought_days") > LAPSED_CYCLES * pl.col("cycle_days")
    verb = pl.when(is_past).then(pl.lit("You used to buy")).otherwise(pl.lit("You buy"))
    text = pl.format("{} {} every {}, last time {}", verb, "product_name", every, days_ago("last_bought_days"))
    return pl.when((pl.col("order_count") >= 3) & (cycle >= 1)).then(text)


def own_purchase() -> pl.Expr:
    """A purchase that is no habit yet: "You bought Mozzarella 40 days ago", or "twice, last time 40 days ago"."""
    once = pl.format("You bought {} {}", "product_name", days_ago("last_bought_days"))
    again = pl.format(
        "You bought {} {}, last time {}",
        "product_name",
        pl.when(pl.col("order_count") == 2).then(pl.lit("twice")).otherwise(pl.format("{} times", "order_count")),
        days_ago("last_bought_days"),
    )
    return pl.when(pl.col("order_count") == 1).then(once).when(pl.col("order_count") >= 2).then(again)


def own_category(minimum_share: float) -> pl.Expr:
    """A category that matters to the customer: "A third of your spend is dairy and eggs"."""
    share = pl.col("category_share")
    amount = pl.format("{} %", (100 * share).round().cast(pl.Int64))
    for low, high, word in ROUND_SHARES:
        amount = pl.when(share.is_between(low, high)).then(pl.lit(word)).otherwise(amount)
    text = pl.format("{} of your spend is {}", amount, in_words("category", CATEGORY_WORDS))
    return pl.when((share >= minimum_share) & (pl.col("category") != UNKNOWN)).then(text)


def trade_nearby(minimum_buyers: int) -> pl.Expr:
    """What neighbours of the same trade buy: "Popular with pizzerias near you: 12 in Cluj bought it lately"."""
    text = pl.format(
        "Popular with {} near you: {} in {} bought it lately",
        in_words("business_type", TRADE_WORDS, " businesses"),
        "nearby_buyer_count",
        "county",
    )
    return pl.when(pl.col("nearby_buyer_count") >= minimum_buyers).then(text)


def trade(minimum_share: float) -> pl.Expr:
    """What the trade buys: "31 % of pizzerias buy it"."""
    percent = (100 * pl.col("type_share")).round().cast(pl.Int64)
    text = pl.format("{} % of {} buy it", percent, in_words("business_type", TRADE_WORDS, " businesses"))
    return pl.when((pl.col("type_share") >= minimum_share) & (pl.col("member_count") >= 1 / minimum_share)).then(text)


def saving(minimum_share: float) -> pl.Expr:
    """The price at the usual quantity: "19 % under the price for 6 buc"."""
    share = 1 - pl.col("offer_unit_price_ron") / pl.col("usual_unit_price_ron")
    text = pl.format(
        "{} % under the price for {} {}", (100 * share).round().cast(pl.Int64), plain("usual_quantity"), "unit"
    )
    return pl.when(share >= minimum_share).then(text)


def validity(run_date: date) -> pl.Expr:
    """What is always true: "On offer until 30 November"."""
    last = pl.col("valid_to_date")
    until = pl.format("On offer until {} {}", last.dt.day(), last.dt.strftime("%B"))
    return pl.when(last == run_date).then(pl.lit("On offer today only")).otherwise(until)


def days_ago(column: str) -> pl.Expr:
    """ "yesterday", "5 days ago"."""
    days = pl.col(column).cast(pl.Int64)
    return pl.when(days <= 1).then(pl.lit("yesterday")).otherwise(pl.format("{} days ago", days))


def counted(number: pl.Expr, noun: str) -> pl.Expr:
    """ "1 day", "9 days"."""
    return pl.format("{} {}", number, pl.when(number == 1).then(pl.lit(noun)).otherwise(pl.lit(noun + "s")))


def plain(column: str) -> pl.Expr:
    """A quantity without needless decimals: 6, 2.5."""
    return pl.col(column).round(1).cast(pl.String).str.strip_suffix(".0")


def in_words(column: str, words: dict[Category, str] | dict[BusinessType, str], noun: str = "") -> pl.Expr:
    """A word of the vocabulary as a buyer says it; an unknown one in lower case, with the noun."""
    plain_words = pl.col(column).str.to_lowercase().str.replace_all("_", " ") + noun
    return pl.col(column).replace_strict({str(word): text for word, text in words.items()}, default=plain_words)
