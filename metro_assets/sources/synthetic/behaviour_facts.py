"""Numbers of the customers' behaviour, each with its source: (seed), (C) for consumer data, or (assumed)."""

from __future__ import annotations

from metro_assets.vocabulary import BusinessType, Category, Segment

# visits -----------------------------------------------------------------------------------------------------------

VISITS_PER_WEEK = {Segment.HORECA: 4.0, Segment.TRADER: 2.2, Segment.SCO: 0.9, Segment.FREELANCER: 0.5}
"""Median rhythm. HoReCa 3-5 a week, traders medium, SCO periodic, freelancers least (seed)."""
VISIT_SIGMA = 0.50
"""Spread of the log rhythm: some come daily, some have all but left (seed)."""
MOST_VISITS_PER_WEEK = 6.6
DRIFT_SIGMA = 0.30
"""Spread of a customer's log level from month to month; gaps' CV .57-1.55, median .87 (C)."""
DRIFT_DAYS = 28
CHURN_PER_DAY = 0.0003
"""Share of customers who stop, per day, about 10 % a year (assumed)."""
CHURNED_LEVEL = 0.02
MOST_PROBABLE_VISIT = 0.97
PREVIOUS_VISIT_DAYS = 35
"""A need older than this is forgotten (assumed)."""

# baskets ----------------------------------------------------------------------------------------------------------

LINES_PER_VISIT = {Segment.HORECA: 56.0, Segment.TRADER: 32.0, Segment.SCO: 14.0, Segment.FREELANCER: 6.0}
"""Median lines of a basket. HoReCa 30-80 (seed); the others smaller (seed), their level assumed."""
LINES_SIGMA = 0.38
CYCLE_VISITS = 4.5
"""Median cycle of a repertoire product in visits: oil every 9 days at 3.5 visits a week (assumed)."""
CYCLE_SIGMA = 0.80
JITTER_SHARE = 0.7
"""A need falls due at a uniform moment in the first 70 % of its cycle (assumed)."""
KEEP_SHARE = 0.80
"""A product that is due is bought with this probability on an ordinary day; seasons and fasts move it (assumed)."""
IMPULSE_SHARE = 0.12
"""Lines outside the repertoire; repeat share of lines .40-.48 for consumers (C), businesses repeat more (assumed)."""
TURNOVER_SHARE = 0.30
"""Products of a repertoire that enter or leave it within two years (assumed)."""
TURNOVER_DAYS = 730
MENU_BOOST = 8.0
"""A product on the menu of the business type is this much likelier in its repertoire (assumed)."""
TASTE_SIGMA = 0.60
"""Spread of a customer's log taste over categories; entropy of spend .84-1.86 nats (C)."""
MOST_REPERTOIRE_SHARE = 0.35
"""Most of the assortment that one repertoire holds; cycles shorten instead (matters for tiny worlds)."""
QUANTITY_SIZE_POWER = 0.7
QUANTITY_SIGMA_PAIR, QUANTITY_SIGMA_DAY = 0.45, 0.22
TIER_REACH_SHARE = 0.25
"""A buyer this close below a tier's threshold considers filling up (assumed) …"""
TIER_FILL_PROBABILITY = 0.5
"""… and does so with this probability."""
LATE_ORDER_SHARE = 0.002
"""Orders that reach the database a day late (assumed; so that the point-in-time law bites)."""

CATEGORY_WEIGHTS: dict[BusinessType, dict[Category, float]] = {
    BusinessType.PIZZERIA: {
        Category.DAIRY_EGGS: 3.0, Category.GROCERY_STAPLES: 3.0, Category.DELI_CHARCUTERIE: 3.0,
        Category.FRUITS_VEGETABLES: 1.5, Category.PAPER_PACKAGING: 2.0, Category.SEAFOOD: 0.6,
    },
    BusinessType.TRADITIONAL_RESTAURANT: {
        Category.MEAT_POULTRY: 2.5, Category.FRUITS_VEGETABLES: 2.0, Category.DAIRY_EGGS: 1.5,
        Category.CONDIMENTS_SPICES: 1.5, Category.BEVERAGES_ALCOHOLIC: 1.5,
    },
    BusinessType.HOTEL: {Category.DAIRY_EGGS: 1.8, Category.BAKERY_PASTRY: 1.6, Category.PERSONAL_CARE_HYGIENE: 2.5},
    BusinessType.CAFE: {
        Category.COFFEE_TEA: 5.0, Category.DAIRY_EGGS: 2.0, Category.BAKERY_PASTRY: 2.5,
        Category.CONFECTIONERY_SNACKS: 1.5, Category.MEAT_POULTRY: 0.2, Category.SEAFOOD: 0.1,
    },
    BusinessType.BAR: {
        Category.BEVERAGES_ALCOHOLIC: 5.0, Category.BEVERAGES_NON_ALCOHOLIC: 3.0,
        Category.CONFECTIONERY_SNACKS: 1.5, Category.MEAT_POULTRY: 0.4, Category.SEAFOOD: 0.3,
    },
    BusinessType.FAST_FOOD: {
        Category.MEAT_POULTRY: 2.0, Category.FROZEN_FOODS: 2.5, Category.PAPER_PACKAGING: 2.0,
        Category.CONDIMENTS_SPICES: 2.0, Category.BEVERAGES_NON_ALCOHOLIC: 1.5,
    },
    BusinessType.CATERING: {Category.MEAT_POULTRY: 2.0, Category.FRUITS_VEGETABLES: 1.8, Category.PAPER_PACKAGING: 2.0},
    BusinessType.GHOST_KITCHEN: {Category.PAPER_PACKAGING: 3.5, Category.MEAT_POULTRY: 1.8, Category.FROZEN_FOODS: 1.8},
    BusinessType.NEIGHBOURHOOD_SHOP: {
        Category.CONFECTIONERY_SNACKS: 3.0, Category.BEVERAGES_NON_ALCOHOLIC: 2.5, Category.BEVERAGES_ALCOHOLIC: 2.0,
        Category.HOUSEHOLD_GOODS: 1.2, Category.PERSONAL_CARE_HYGIENE: 1.5, Category.HORECA_EQUIPMENT: 0.1,
    },
    BusinessType.KIOSK: {
        Category.CONFECTIONERY_SNACKS: 5.0, Category.BEVERAGES_NON_ALCOHOLIC: 4.0, Category.COFFEE_TEA: 1.5,
        Category.MEAT_POULTRY: 0.05, Category.SEAFOOD: 0.05, Category.FRUITS_VEGETABLES: 0.2,
    },
    BusinessType.OFFICE: {
        Category.OFFICE_SUPPLIES: 9.0, Category.COFFEE_TEA: 4.0, Category.CLEANING_DETERGENTS: 2.5,
        Category.PAPER_PACKAGING: 3.0, Category.MEAT_POULTRY: 0.05, Category.SEAFOOD: 0.05,
        Category.FRUITS_VEGETABLES: 0.3, Category.ELECTRONICS_APPLIANCES: 3.0,
    },
    BusinessType.HOSPITAL: {
        Category.PERSONAL_CARE_HYGIENE: 4.0, Category.CLEANING_DETERGENTS: 4.0, Category.DAIRY_EGGS: 1.5,
        Category.PAPER_PACKAGING: 3.0, Category.BEVERAGES_ALCOHOLIC: 0.0,
    },
    BusinessType.SCHOOL: {
        Category.OFFICE_SUPPLIES: 5.0, Category.DAIRY_EGGS: 1.5, Category.BAKERY_PASTRY: 2.0,
        Category.CLEANING_DETERGENTS: 2.5, Category.BEVERAGES_ALCOHOLIC: 0.0,
    },
    BusinessType.SERVICE_COMPANY: {
        Category.CLEANING_DETERGENTS: 5.0, Category.OFFICE_SUPPLIES: 4.0, Category.HOUSEHOLD_GOODS: 4.0,
        Category.COFFEE_TEA: 2.5, Category.MEAT_POULTRY: 0.05, Category.SEAFOOD: 0.05,
    },
    BusinessType.PFA: {Category.OFFICE_SUPPLIES: 5.0, Category.COFFEE_TEA: 3.0, Category.HORECA_EQUIPMENT: 0.1},
    BusinessType.SMALL_SRL: {Category.OFFICE_SUPPLIES: 5.0, Category.COFFEE_TEA: 3.0, Category.HORECA_EQUIPMENT: 0.1},
}  # fmt: skip
"""How much a business type favours a category over the assortment's share; 1 where not named (assumed, from the seed's
descriptions: HoReCa ultra-fresh, traders broad, SCO non-food heavy)."""
SLOW_CATEGORIES = {
    Category.HORECA_EQUIPMENT: 0.4, Category.ELECTRONICS_APPLIANCES: 0.5, Category.KITCHEN_TABLEWARE: 0.5,
    Category.HOUSEHOLD_GOODS: 0.7,
}  # fmt: skip
"""Weight in a repertoire of what is bought seldom: high value, low frequency (seed)."""
DURABLE_DAYS = {
    Category.HORECA_EQUIPMENT: 900, Category.ELECTRONICS_APPLIANCES: 400, Category.KITCHEN_TABLEWARE: 60,
    Category.HOUSEHOLD_GOODS: 60, Category.OFFICE_SUPPLIES: 15,
}  # fmt: skip
"""Days for which a thing serves, added to its cycle: nobody buys an oven every other day (assumed)."""

# exposure ---------------------------------------------------------------------------------------------------------

SLATE_EVERY_DAYS = 5
SLATE_SIZE = 10
ARM_SHARES = (0.80, 0.10, 0.10)
"""Logging policy, exploration, hold-out, drawn per slate; the domain page asks for a slice of each (assumed shares)."""
POLICY_CATEGORY_WEIGHT, POLICY_DEPTH_WEIGHT = 0.6, 2.0
"""The logging policy's log weight on the business type's category share and on the depth of the offer (assumed)."""
EXPOSURE_MEMORY_DAYS = 14
"""An impression works for two weeks; redemptions: median at 34 % of the validity, p90 at 86 % (C)."""

# response ---------------------------------------------------------------------------------------------------------

EXAMINATION_POWER = 0.6
"""A place k in a list is examined with probability k ** -0.6 (position bias; assumed)."""
EXAMINED_SHARE = 0.15
"""A slate's top place is known and used on a visit with this probability; set so that redemptions per
shown offer are a few percent: .75 % exact, 2.9 % mailed (C)."""
DAILY_FORGETTING = 0.93
"""An impression's strength falls by this factor a day (assumed; puts the median near a third of the validity)."""
CATALOGUE_AWARENESS = 0.02
"""A needed product's catalogue offer is noticed and used without an impression (assumed)."""
ATTENTION_SIGMA = 1.0
"""Spread of the log attention to promotions; Gini of redemptions .87 (C)."""
IMPULSE_REDEMPTION = 0.010
"""A read offer makes an additional purchase: scale at 25 % depth. A coupon moved purchase .35 % to 1.85 %
(Gabel, Simester, Timoshenko, SSRN 4335525)."""
DEPTH_ELASTICITY = 1.2
"""Power of depth over 25 % (assumed)."""
SENSITIVITY_SIGMA = 0.60
PRIOR_CATEGORY_FACTOR = 3.0
"""The effect is threefold with prior purchases in the category (Gabel, Simester, Timoshenko)."""
LEAST_DEPTH = 0.01
"""Below this share off the price that would else be paid, an offer is not worth a thought: the tier trap."""

# audiences and web ------------------------------------------------------------------------------------------------

BIRTHDAY_DAYS = 3
LAPSED_DAYS = (21, 28)
ONBOARDING_DAYS = 30
WEB_VISIT_PROBABILITY = 0.02
WEB_MEMORY_DAYS = 3
"""Who is addressed: anniversaries within three days, no visit for three to four weeks, registered in the last 30 days,
a product of the category looked at in the last three days (assumed)."""
