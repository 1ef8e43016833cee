"""The words of the domain: closed sets of values that several stages speak. No behaviour, no numbers."""

from enum import StrEnum

UNKNOWN = "UNKNOWN"
"""A category or a mechanic that a company's files do not say."""


class Segment(StrEnum):
    """The customer segments of the wholesaler; UNKNOWN is what a company without segments gets."""

    HORECA = "HORECA"
    TRADER = "TRADER"
    SCO = "SCO"
    FREELANCER = "FREELANCER"
    UNKNOWN = "UNKNOWN"


class BusinessType(StrEnum):
    """What a customer does; it gives the menu of products that are bought together."""

    PIZZERIA = "PIZZERIA"
    TRADITIONAL_RESTAURANT = "TRADITIONAL_RESTAURANT"
    HOTEL = "HOTEL"
    CAFE = "CAFE"
    BAR = "BAR"
    FAST_FOOD = "FAST_FOOD"
    CATERING = "CATERING"
    GHOST_KITCHEN = "GHOST_KITCHEN"
    NEIGHBOURHOOD_SHOP = "NEIGHBOURHOOD_SHOP"
    KIOSK = "KIOSK"
    OFFICE = "OFFICE"
    HOSPITAL = "HOSPITAL"
    SCHOOL = "SCHOOL"
    SERVICE_COMPANY = "SERVICE_COMPANY"
    PFA = "PFA"
    SMALL_SRL = "SMALL_SRL"
    UNKNOWN = "UNKNOWN"


class Category(StrEnum):
    """The 21 categories of the assortment."""

    MEAT_POULTRY = "MEAT_POULTRY"
    DAIRY_EGGS = "DAIRY_EGGS"
    FRUITS_VEGETABLES = "FRUITS_VEGETABLES"
    BEVERAGES_NON_ALCOHOLIC = "BEVERAGES_NON_ALCOHOLIC"
    BAKERY_PASTRY = "BAKERY_PASTRY"
    FROZEN_FOODS = "FROZEN_FOODS"
    GROCERY_STAPLES = "GROCERY_STAPLES"
    BEVERAGES_ALCOHOLIC = "BEVERAGES_ALCOHOLIC"
    SEAFOOD = "SEAFOOD"
    CONFECTIONERY_SNACKS = "CONFECTIONERY_SNACKS"
    CONDIMENTS_SPICES = "CONDIMENTS_SPICES"
    DELI_CHARCUTERIE = "DELI_CHARCUTERIE"
    COFFEE_TEA = "COFFEE_TEA"
    CLEANING_DETERGENTS = "CLEANING_DETERGENTS"
    KITCHEN_TABLEWARE = "KITCHEN_TABLEWARE"
    HORECA_EQUIPMENT = "HORECA_EQUIPMENT"
    PAPER_PACKAGING = "PAPER_PACKAGING"
    PERSONAL_CARE_HYGIENE = "PERSONAL_CARE_HYGIENE"
    HOUSEHOLD_GOODS = "HOUSEHOLD_GOODS"
    OFFICE_SUPPLIES = "OFFICE_SUPPLIES"
    ELECTRONICS_APPLIANCES = "ELECTRONICS_APPLIANCES"


class OwnBrand(StrEnum):
    """The wholesaler's nine own brands, as printed on the pack."""

    METRO_CHEF = "METRO Chef"
    METRO_PREMIUM = "METRO Premium"
    METRO_PROFESSIONAL = "METRO Professional"
    ARO = "aro"
    RIOBA = "Rioba"
    HORECA_SELECT = "Horeca Select"
    TARRINGTON_HOUSE = "Tarrington House"
    H_LINE = "H-Line"
    SIGMA = "Sigma"


class OfferMechanic(StrEnum):
    """The twelve kinds of offer of the seed."""

    VOLUME_DISCOUNT = "VOLUME_DISCOUNT"
    WEEKLY_CATALOG = "WEEKLY_CATALOG"
    PERCENTAGE_DISCOUNT = "PERCENTAGE_DISCOUNT"
    MONETARY_DISCOUNT = "MONETARY_DISCOUNT"
    GIFT_INCENTIVE = "GIFT_INCENTIVE"
    VOLUME_BONUS = "VOLUME_BONUS"
    PERSONALIZED = "PERSONALIZED"
    RFM_REACTIVATION = "RFM_REACTIVATION"
    BIRTHDAY = "BIRTHDAY"
    ABANDONED_BROWSE = "ABANDONED_BROWSE"
    NEW_CUSTOMER_ONBOARDING = "NEW_CUSTOMER_ONBOARDING"
    SEASONAL_CAMPAIGN = "SEASONAL_CAMPAIGN"


class Benefit(StrEnum):
    """How an offer lowers what the customer pays."""

    PERCENT = "PERCENT"
    AMOUNT = "AMOUNT"
    GIFT = "GIFT"
    BONUS_UNITS = "BONUS_UNITS"
    TIER_UNLOCK = "TIER_UNLOCK"
    UNSTATED = "UNSTATED"
    """A company's files do not say: the price with the offer is not known."""


class Channel(StrEnum):
    """Where an offer is announced."""

    CATALOG = "CATALOG"
    STORE = "STORE"
    EMAIL = "EMAIL"
    SMS = "SMS"
    WHATSAPP = "WHATSAPP"


class Arm(StrEnum):
    """The randomised arms of the exposure experiment."""

    POLICY = "POLICY"
    EXPLORATION = "EXPLORATION"
    HOLDOUT = "HOLDOUT"


class Strategy(StrEnum):
    """Candidate retrieval strategies; `<strategy>_rank` is its column in candidate_pool."""

    CATEGORY_AFFINITY = "category_affinity"
    SEGMENT_POPULARITY = "segment_popularity"
    REPEAT_PURCHASE = "repeat_purchase"
    HIGH_MARGIN = "high_margin"
    EMBEDDING = "embedding"


class Algorithm(StrEnum):
    """What scores the pool and chooses from it; values of every `algorithm` column."""

    LOGISTIC = "logistic"
    BOOSTED_TREES = "boosted_trees"
    WIDE_DEEP = "wide_deep"
    SASREC = "sasrec"
    UPLIFT = "uplift"
    THOMPSON = "thompson"


RANKER_SUFFIX = "_ranker"
"""An algorithm's model in the store, and its asset, is named `<algorithm>_ranker`."""
UNRANKED = "retrieval"
"""The `algorithm` of a date on which no ranker could be fitted: the pool in the order of retrieval."""


class Baseline(StrEnum):
    """Orderings that a ranker is measured against; the oracle exists in the synthetic world only."""

    RANDOM = "random"
    POPULARITY = "popularity"
    REPEAT_PURCHASE = "repeat_purchase"
    ORACLE = "oracle"


class Protocol(StrEnum):
    """Evaluation protocols, never mixed."""

    SHOWN = "SHOWN"
    POOL = "POOL"


class Estimator(StrEnum):
    """Estimators of what a policy would earn, from the log of another (evaluation/off_policy.py)."""

    IPS = "ips"
    SNIPS = "snips"
    REPLAY = "replay"
    DIRECT_METHOD = "direct_method"
    DOUBLY_ROBUST = "doubly_robust"


class Severity(StrEnum):
    """Severity of a population stability index."""

    STABLE = "STABLE"
    MODERATE = "MODERATE"
    SIGNIFICANT = "SIGNIFICANT"


CUSTOMER_FEATURES = (
    "recency_days",
    "frequency_orders",
    "monetary_ron",
    "avg_basket_ron",
    "promo_affinity",
    "category_entropy",
    "own_brand_share",
    "tier_affinity",
)
OFFER_FEATURES = ("discount_depth", "margin_impact_ron", "days_until_expiry", "offer_redemption_rate")
INTERACTION_FEATURES = (
    "bought_before",
    "category_affinity_score",
    "price_sensitivity_match",
    "days_since_product",
)
NAMED_FEATURES = CUSTOMER_FEATURES + OFFER_FEATURES + INTERACTION_FEATURES
"""The sixteen whose names and definitions are fixed."""
FURTHER_INTERACTION_FEATURES = ("product_purchases",)
"""Beside the sixteen (docs/features.md)."""
RANKING_FEATURES = NAMED_FEATURES + FURTHER_INTERACTION_FEATURES
"""The order of every feature matrix."""
CONTEXT_FEATURES = (
    "segment_code",
    "business_type_code",
    "store_code",
    "mechanic_code",
    "benefit_code",
    "category_code",
    "anchor_code",
)
"""What a customer and an offer are, as codes: no order, only equality; for rankers that learn a place for each."""
OFFER_CODE = "offer_code"
"""The offer itself as a column of a feature matrix: the low 24 bits of its id, exact in single precision."""
MARGIN_FEATURES = ("usual_quantity", "usual_margin_ron", "offer_margin_ron")
"""What a purchase of a pair would earn; nothing is learned from it."""
NEXT_ITEM_FEATURE = "next_item_score"
"""What a model of purchase sequences says of an offer's products."""
SET_FEATURES = (
    "set_lines",
    "set_recent_lines",
    "set_decayed_lines",
    "set_decayed_ron",
    "set_products_bought",
    "set_tenure_days",
    "set_type_lines",
    "set_type_expected_lines",
    "set_brand_expected_lines",
    "set_category_expected_lines",
    "set_share_of_type",
    "set_share_of_brand",
    "set_spend_share",
    "set_type_spend_share",
    "set_brand_spend_share",
    "set_buyers",
    "set_sold_lines",
    "set_sold_ron",
    "set_products",
    "set_sold_products",
    "set_types",
    "set_categories",
    "set_brands",
    "offer_value_ron",
    "offer_minimum_quantity",
    "is_supplier_funded",
)
"""Of a customer and the whole set of products of an offer (docs/features.md); in no daily table yet."""
