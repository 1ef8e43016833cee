"""The registered businesses: who they are on paper, where they shop, how large they are."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.draws import bits, choice, normal, uniform
from metro_assets.sources.synthetic import facts
from metro_assets.sources.synthetic.entities import BUSINESS_TYPES, SEGMENTS, Businesses, Floats, Integers
from metro_assets.vocabulary import BusinessType

_TITLES: dict[BusinessType, tuple[str, ...]] = {
    BusinessType.PIZZERIA: ("Pizzeria", "Pizza", "Trattoria"),
    BusinessType.TRADITIONAL_RESTAURANT: ("Restaurant", "Hanul", "Crama", "Taverna"),
    BusinessType.HOTEL: ("Hotel", "Pensiunea", "Vila"),
    BusinessType.CAFE: ("Cafeneaua", "Coffee", "Cofetăria"),
    BusinessType.BAR: ("Bar", "Pub", "Berăria"),
    BusinessType.FAST_FOOD: ("Fast Food", "Șaormeria", "Burger"),
    BusinessType.CATERING: ("Catering", "Evenimente"),
    BusinessType.GHOST_KITCHEN: ("Kitchen", "Delivery"),
    BusinessType.NEIGHBOURHOOD_SHOP: ("Magazin Mixt", "Minimarket", "Alimentara"),
    BusinessType.KIOSK: ("Chioșc", "Non-Stop"),
    BusinessType.OFFICE: ("Consult", "Birou", "Soft"),
    BusinessType.SERVICE_COMPANY: ("Servicii", "Instal", "Clean"),
    BusinessType.SCHOOL: ("Școala", "Grădinița", "Liceul"),
    BusinessType.HOSPITAL: ("Clinica", "Spitalul", "Centrul Medical"),
    BusinessType.PFA: ("",),
    BusinessType.SMALL_SRL: ("Studio", "Proiect", "Atelier"),
}
_FEMININE = (
    "Casa Dunărea Luna Steaua Vatra Valea Piatra Moara Fântâna Floarea Pădurea Câmpia Livada Grădina Poiana"
).split()
_MASCULINE = (
    "Teiul Bradul Stejarul Izvorul Soarele Dealul Cerbul Mărul Vișinul Lacul Podul Zimbrul Șoimul Vulturul Codrul"
).split()
_NOUNS = _FEMININE + _MASCULINE
_ADJECTIVES = (
    "Verde/Verde Vechi/Veche Alb/Albă Mare/Mare Mic/Mică Auriu/Aurie Boieresc/Boierească Bătrân/Bătrână "
    "Frumos/Frumoasă Domnesc/Domnească Vesel/Veselă Nou/Nouă Argintiu/Argintie Roșu/Roșie Albastru/Albastră "
    "Înalt/Înaltă Vestit/Vestită Liniștit/Liniștită Ardelenesc/Ardelenească Moldovenesc/Moldovenească "
    "Bucovinean/Bucovineană Oltenesc/Oltenească Dobrogean/Dobrogeană Bănățean/Bănățeană Maramureșean/Maramureșeană"
).split()
"""Masculine and feminine; a neuter noun takes the masculine in the singular."""
_SURNAMES = (
    "Popescu Ionescu Popa Radu Dumitru Stan Stoica Gheorghe Matei Ciobanu Rusu Munteanu Moldovan Nistor Lazăr Toma "
    "Marin Dobre Barbu Florea Sandu Voicu Manole Neagu Cojocaru Ene Preda Oprea Tudor Ilie"
).split()
_GIVEN = "Andrei Maria Ioana Mihai Elena Alexandru Cristina Dan Gabriela Vlad Raluca Sorin Ana Bogdan Laura".split()
_CUI_KEY = np.array([7, 5, 3, 2, 1, 7, 5, 3, 2])


def build_businesses(customers: int, seed: int, history_start: date, history_days: int) -> Businesses:
    """All businesses that ever register: `customers` by the end of the history, others in the years after."""
    later_days = max(facts.ARRIVAL_DAYS - history_days, 0)
    places = np.arange(customers + round(customers * facts.ARRIVALS_PER_DAY * later_days))
    segment = choice(list(facts.SEGMENT_SHARES.values()), uniform(seed, "segment", places)).astype(np.int8)
    kind = _business_types(segment, seed, places)
    store = choice(np.ones(len(facts.STORES)), uniform(seed, "store", places))
    registered = _registered_days(customers, seed, places, history_start.toordinal(), history_days)
    founded = registered - (30 + 5000 * uniform(seed, "founded", places) ** 2).astype(np.int64)
    sigma = np.array([facts.SIZE_SIGMA[name] for name in SEGMENTS])[segment]
    size = np.exp(sigma * normal(seed, "size", places) - sigma**2 / 2)
    consents = np.column_stack(
        [
            uniform(seed, f"consent {channel}", places) < share
            for channel, share in enumerate((facts.EMAIL_CONSENT, facts.SMS_CONSENT, facts.WHATSAPP_CONSENT))
        ]
    )
    frame = pl.DataFrame(
        {
            "customer_id": (places + 1).astype(np.int32),
            "name": _names(kind, seed, places),
            "segment": np.array([str(name) for name in SEGMENTS])[segment],
            "business_type": np.array([str(name) for name in BUSINESS_TYPES])[kind],
            "legal_form": _legal_forms(kind, uniform(seed, "legal form", places)),
            "cui": _fiscal_codes(seed, places),
            "metro_card": [f"642{place + 1:09d}" for place in places],
            "county": np.array([county for _, county, _ in facts.STORES])[store],
            "city": np.array([_city(place, county) for place, county, _ in facts.STORES])[store],
            "store_id": (store + 1).astype(np.int16),
            "store_name": np.array([f"METRO {place}" for place, *_ in facts.STORES])[store],
            "registered_date": _dates(registered),
            "founded_date": _dates(founded),
            "has_email_consent": consents[:, 0],
            "has_sms_consent": consents[:, 1],
            "has_whatsapp_consent": consents[:, 2],
        }
    )
    return Businesses(
        frame=frame,
        segment=segment,
        business_type=kind,
        store_id=(store + 1).astype(np.int16),
        is_coastal=np.array([coastal for *_, coastal in facts.STORES])[store],
        registered_day=registered,
        consents=consents,
        size=size,
    )


def _city(place: str, county: str) -> str:
    """City of a store's place: a quarter of Bucharest is no city, nor is a side of one."""
    return "București" if county == "București" else re.sub(" (Est|Vest|Nord|Sud)$", "", place)


def fiscal_code_check_digit(body: Integers) -> Integers:
    """Check digit of a Romanian fiscal code (CUI): weights 7 5 3 2 1 7 5 3 2 from the left, times 10, modulo 11."""
    digits = body[..., None] // 10 ** np.arange(8, -1, -1) % 10
    check: Integers = (digits * _CUI_KEY).sum(axis=-1) * 10 % 11 % 10
    return check


def _fiscal_codes(seed: int, places: Integers) -> list[str]:
    """Unique codes with valid check digits: a bijective step through eight-digit bodies, from the seed."""
    offset = int(bits(seed, "cui", np.array([0]))[0] % np.uint64(1_000_000))
    body = 10_000_000 + (places * 7_919 + offset) % 39_000_000
    return [f"{number}{digit}" for number, digit in zip(body, fiscal_code_check_digit(body), strict=True)]


def _business_types(segment: npt.NDArray[np.int8], seed: int, places: Integers) -> npt.NDArray[np.int8]:
    kinds = np.zeros(len(places), dtype=np.int8)
    for code, name in enumerate(SEGMENTS):
        inside = segment == code
        shares = facts.BUSINESS_TYPE_SHARES[name]
        codes = np.array([BUSINESS_TYPES.index(kind) for kind in shares])
        kinds[inside] = codes[choice(list(shares.values()), uniform(seed, "business type", places[inside]))]
    return kinds


def _registered_days(customers: int, seed: int, places: Integers, start: int, history_days: int) -> Integers:
    """The first `customers` before the history or, by the rate of arrivals, during it; the rest after it."""
    arriving_share = 1 - 1 / (1 + facts.ARRIVALS_PER_DAY * history_days)
    draws = uniform(seed, "registered", places)
    arrives = uniform(seed, "arrives later", places) < arriving_share
    before = start - 1 - (draws**1.5 * 5500).astype(np.int64)
    during = start + (draws * history_days).astype(np.int64)
    after = start + history_days + (draws * max(facts.ARRIVAL_DAYS - history_days, 0)).astype(np.int64)
    days: Integers = np.where(places < customers, np.where(arrives, during, before), after)
    return days


def _legal_forms(kind: npt.NDArray[np.int8], draws: Floats) -> list[str]:
    forms = np.where(draws < 0.90, "SRL", np.where(draws < 0.95, "SA", "II"))
    for name, form in {
        BusinessType.PFA: "PFA",
        BusinessType.SMALL_SRL: "SRL",
        BusinessType.SCHOOL: "INSTITUȚIE",
        BusinessType.HOSPITAL: "INSTITUȚIE",
    }.items():
        forms[kind == BUSINESS_TYPES.index(name)] = form
    return [str(form) for form in forms]


def _names(kind: npt.NDArray[np.int8], seed: int, places: Integers) -> list[str]:
    a, b, c = (bits(seed, f"name {part}", places) for part in "abc")
    names = []
    for place, code in enumerate(kind):
        titles = _TITLES[BUSINESS_TYPES[code]]
        if BUSINESS_TYPES[code] is BusinessType.PFA:
            names.append(f"{_SURNAMES[a[place] % np.uint64(30)]} {_GIVEN[b[place] % np.uint64(15)]} PFA")
        else:
            title = titles[int(c[place] % np.uint64(len(titles)))]
            noun = _NOUNS[int(a[place] % np.uint64(len(_NOUNS)))]
            masculine, feminine = _ADJECTIVES[int(b[place] % np.uint64(len(_ADJECTIVES)))].split("/")
            names.append(f"{title} {noun} {feminine if noun in _FEMININE else masculine}")
    return names


def _dates(days: Integers) -> pl.Series:
    return pl.Series((days - date(1970, 1, 1).toordinal()).astype(np.int32)).cast(pl.Date)
