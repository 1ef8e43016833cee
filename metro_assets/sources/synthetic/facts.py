"""Numbers of the world's master data, each with its source.

"(seed)" is the user's document, "(C)" the consumer data of docs/world.md, "(assumed)" says that no source was found and
the number is the author's. The numbers of behaviour are in `behaviour_facts`.
"""

from __future__ import annotations

from metro_assets.vocabulary import BusinessType, Channel, OfferMechanic, Segment

# assortment -------------------------------------------------------------------------------------------------------

POPULARITY_SIGMA = 1.7
"""Spread of log popularity inside a category. Gini of product lines .81 in (C) consumer data."""
TIER2_DEPTH = (0.05, 0.15)
"""Share off the base price at tier 2 (seed)."""
TIER3_DEPTH = (0.15, 0.35)
"""Share off the base price at tier 3 (seed: typically 15-35 %, at most about 40 %)."""
THREE_TIERS_SHARE = 0.75
"""Products with a third tier; seed: 2-3 tiers (assumed share)."""
TRAITS = ("", "selecție", "clasic", "premium", "bio", "gastro", "economic", "rustic")
"""Words that tell products of one item, brand and pack apart."""
LEAST_TIER_MARGIN = 0.04
"""Margin that the lowest tier price leaves: a wholesaler does not live from selling below cost (assumed)."""
PACK_PRICE_POWER = 0.85
"""A pack of twice the content costs 2 ** .85 = 1.8 times as much (assumed)."""
PACK_PRICE_STEP = 1.2
"""Price of a pack over the one before it in its range, where packs state no content (assumed)."""
OWN_BRAND_PRICE_FACTOR = {"aro": 0.78, "METRO Premium": 1.25}
"""Price against the A-brand (assumed; the seed calls aro the value brand, METRO Premium high-end)."""

# businesses -------------------------------------------------------------------------------------------------------

SEGMENT_SHARES = {Segment.HORECA: 0.50, Segment.TRADER: 0.30, Segment.SCO: 0.12, Segment.FREELANCER: 0.08}
"""(seed); METRO Romania's own figures, 40,000 HoReCa and 60,000 traders, are in docs/world.md."""
BUSINESS_TYPE_SHARES: dict[Segment, dict[BusinessType, float]] = {
    Segment.HORECA: {
        BusinessType.TRADITIONAL_RESTAURANT: 0.28,
        BusinessType.PIZZERIA: 0.14,
        BusinessType.CAFE: 0.16,
        BusinessType.BAR: 0.13,
        BusinessType.FAST_FOOD: 0.12,
        BusinessType.HOTEL: 0.09,
        BusinessType.CATERING: 0.05,
        BusinessType.GHOST_KITCHEN: 0.03,
    },
    Segment.TRADER: {BusinessType.NEIGHBOURHOOD_SHOP: 0.75, BusinessType.KIOSK: 0.25},
    Segment.SCO: {
        BusinessType.OFFICE: 0.45,
        BusinessType.SERVICE_COMPANY: 0.30,
        BusinessType.SCHOOL: 0.17,
        BusinessType.HOSPITAL: 0.08,
    },
    Segment.FREELANCER: {BusinessType.PFA: 0.6, BusinessType.SMALL_SRL: 0.4},
}
"""Shares inside a segment (assumed)."""
SIZE_SIGMA = {Segment.HORECA: 0.50, Segment.TRADER: 0.45, Segment.SCO: 0.60, Segment.FREELANCER: 0.45}
"""Spread of log size; customers' spend has a Gini of .52 in (C)."""
ARRIVALS_PER_DAY = 0.0004
"""New registrations per registered business and day, about 3.6 % a quarter (assumed)."""
ARRIVAL_DAYS = 730
"""Days from the start of the history over which arrivals are drawn."""
EMAIL_CONSENT, SMS_CONSENT, WHATSAPP_CONSENT = 0.82, 0.61, 0.38
"""Share of businesses that consent per channel (assumed)."""
STORES = (
    ("Otopeni", "Ilfov", False), ("Băneasa", "București", False), ("Berceni", "București", False),
    ("Militari", "București", False), ("Voluntari", "Ilfov", False), ("Pallady", "București", False),
    ("Cluj-Napoca Est", "Cluj", False), ("Cluj-Napoca Vest", "Cluj", False), ("Timișoara Nord", "Timiș", False),
    ("Timișoara Sud", "Timiș", False), ("Iași", "Iași", False), ("Constanța Nord", "Constanța", True),
    ("Constanța Sud", "Constanța", True), ("Brașov", "Brașov", False), ("Brașov Est", "Brașov", False),
    ("Craiova", "Dolj", False), ("Galați", "Galați", False), ("Ploiești", "Prahova", False),
    ("Oradea", "Bihor", False), ("Arad", "Arad", False), ("Sibiu", "Sibiu", False), ("Bacău", "Bacău", False),
    ("Pitești", "Argeș", False), ("Târgu Mureș", "Mureș", False), ("Baia Mare", "Maramureș", False),
    ("Suceava", "Suceava", False), ("Satu Mare", "Satu Mare", False), ("Deva", "Hunedoara", False),
    ("Piatra Neamț", "Neamț", False), ("Buzău", "Buzău", False),
)  # fmt: skip
"""Thirty stores (METRO Romania's number, docs/world.md): city, county, whether on the coast. Places are indicative."""

# prices -----------------------------------------------------------------------------------------------------------

TAGESPREIS_SPREAD = 0.07
"""Standard deviation of the log daily price around its base (assumed)."""
TAGESPREIS_MEMORY_DAYS = 14
"""Days over which a daily price forgets (assumed)."""
TAGESPREIS_LIMIT = 0.18
"""A daily price never strays farther than this share (assumed)."""

# campaigns --------------------------------------------------------------------------------------------------------

MECHANIC_SHARES = {
    OfferMechanic.WEEKLY_CATALOG: 0.28,
    OfferMechanic.PERCENTAGE_DISCOUNT: 0.14,
    OfferMechanic.MONETARY_DISCOUNT: 0.08,
    OfferMechanic.VOLUME_DISCOUNT: 0.08,
    OfferMechanic.VOLUME_BONUS: 0.08,
    OfferMechanic.GIFT_INCENTIVE: 0.05,
    OfferMechanic.PERSONALIZED: 0.12,
    OfferMechanic.SEASONAL_CAMPAIGN: 0.06,
    OfferMechanic.RFM_REACTIVATION: 0.03,
    OfferMechanic.BIRTHDAY: 0.02,
    OfferMechanic.ABANDONED_BROWSE: 0.03,
    OfferMechanic.NEW_CUSTOMER_ONBOARDING: 0.03,
}
"""Share of the live offers (assumed; the mechanics are the seed's)."""
DURATION_DAYS = {
    OfferMechanic.WEEKLY_CATALOG: 14,
    OfferMechanic.PERCENTAGE_DISCOUNT: 14,
    OfferMechanic.MONETARY_DISCOUNT: 14,
    OfferMechanic.VOLUME_DISCOUNT: 28,
    OfferMechanic.VOLUME_BONUS: 14,
    OfferMechanic.GIFT_INCENTIVE: 21,
    OfferMechanic.PERSONALIZED: 14,
    OfferMechanic.SEASONAL_CAMPAIGN: 21,
    OfferMechanic.RFM_REACTIVATION: 21,
    OfferMechanic.BIRTHDAY: 28,
    OfferMechanic.ABANDONED_BROWSE: 14,
    OfferMechanic.NEW_CUSTOMER_ONBOARDING: 28,
}
"""Days of validity; the seed: 1-2 weeks for a catalogue."""
DEPTH_QUARTILES = (0.16, 0.25, 0.37)
"""Share off the price, p25, p50, p75 (C)."""
DEPTH_LIMITS = (0.05, 0.50)
"""No offer is shallower or deeper (assumed)."""
FUNDING_SHARE = (0.2, 0.8)
"""Share of the discount that the supplier pays, more where the offer would else sell the anchor below cost; nothing for
own brands, whose offers go no deeper than the margin (assumed)."""
REGIONAL_SHARE = 0.15
"""Offers that hold in a part of the stores only (assumed)."""
STACKING_SHARE = 0.35
"""Percentages and free units that stack with the price tiers (assumed); amounts, gifts and unlocked tiers never do."""
LEAST_PRICE_IN_SET = 0.8
"""Products that share an amount off or a gift cost at least this much of the lead product's price (assumed)."""
PRODUCTS_PER_OFFER = {
    OfferMechanic.WEEKLY_CATALOG: 12,
    OfferMechanic.SEASONAL_CAMPAIGN: 20,
    OfferMechanic.BIRTHDAY: 30,
    OfferMechanic.NEW_CUSTOMER_ONBOARDING: 30,
    OfferMechanic.RFM_REACTIVATION: 20,
}
"""Most products of an offer; 8 for the other mechanics. (C): median 13 products per coupon."""
CHANNELS = {
    OfferMechanic.VOLUME_DISCOUNT: Channel.STORE,
    OfferMechanic.VOLUME_BONUS: Channel.STORE,
    OfferMechanic.WEEKLY_CATALOG: Channel.CATALOG,
    OfferMechanic.PERCENTAGE_DISCOUNT: Channel.CATALOG,
    OfferMechanic.MONETARY_DISCOUNT: Channel.CATALOG,
    OfferMechanic.GIFT_INCENTIVE: Channel.CATALOG,
    OfferMechanic.SEASONAL_CAMPAIGN: Channel.CATALOG,
    OfferMechanic.PERSONALIZED: Channel.WHATSAPP,
    OfferMechanic.RFM_REACTIVATION: Channel.SMS,
    OfferMechanic.BIRTHDAY: Channel.EMAIL,
    OfferMechanic.ABANDONED_BROWSE: Channel.EMAIL,
    OfferMechanic.NEW_CUSTOMER_ONBOARDING: Channel.EMAIL,
}
"""(seed); where it names several, the first or the one that spreads them over the three personal channels."""
