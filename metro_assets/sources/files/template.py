"""A folder to begin with: a header per table and a commented mapping, and a worked example beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from metro_assets.config import ConfigurationError, today
from metro_assets.sources.files.contract import folder_contract, folder_contract_markdown
from metro_assets.sources.files.mapping import MAPPING_FILE

CONTRACT_FILE = "CONTRACT.md"
_DAYS = 56
_PRODUCTS = (
    ("Telemea de vacă 1 kg", "Lactate", "buc", 31.90, 24.50),
    ("Mozzarella 1 kg", "Lactate", "buc", 27.90, 21.00),
    ("Smântână 20 % 1 kg", "Lactate", "buc", 14.20, 10.80),
    ("Lapte 3,5 % 12 x 1 l", "Lactate", "bax", 71.40, 60.10),
    ("Făină 00 10 kg", "Băcănie", "buc", 41.50, 33.20),
    ("Ulei floarea-soarelui 5 l", "Băcănie", "buc", 44.90, 38.00),
    ("Orez bob rotund 5 kg", "Băcănie", "buc", 29.80, 22.90),
    ("Pastă de tomate 2,5 kg", "Băcănie", "buc", 26.40, 19.30),
    ("Zahăr 10 x 1 kg", "Băcănie", "bax", 44.00, 39.10),
    ("Piept de pui 5 kg", "Carne", "buc", 112.50, 96.00),
    ("Ceafă de porc 5 kg", "Carne", "buc", 129.00, 108.30),
    ("Cârnați de bere 2 kg", "Carne", "buc", 58.70, 46.00),
    ("Apă plată 6 x 2 l", "Băuturi", "bax", 15.60, 11.20),
    ("Suc de mere 6 x 1 l", "Băuturi", "bax", 38.90, 29.40),
    ("Cafea boabe 1 kg", "Băuturi", "buc", 74.00, 58.60),
    ("Bere 24 x 0,33 l", "Băuturi", "bax", 81.60, 69.90),
    ("Detergent vase 5 l", "Curățenie", "buc", 33.50, 23.70),
    ("Hârtie prosop 6 role", "Curățenie", "bax", 24.90, 17.20),
    ("Șervețele 20 x 100", "Curățenie", "bax", 39.60, 28.80),
    ("Saci menaj 120 l 25 buc", "Curățenie", "buc", 17.30, 11.10),
)
_PLACES = (("Cluj", "Cluj-Napoca"), ("Brașov", "Brașov"), ("Iași", "Iași"))
_KINDS = ("Restaurant", "Magazin", "Firmă")
_CONSENTS = ("nu", "da", "da", "da", "")
_CUSTOMERS = 45
_WEEKLY_OFFERS = 6
_OFFER_DAYS = 14

Row = Sequence[object]


def write_template(folder: Path) -> None:
    """Write a header per table, the commented mapping and the contract; raises ConfigurationError over other files."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    for table in folder_contract().values():
        (folder / f"{table.name}.csv").write_text(",".join(table.column_names) + "\n", encoding="utf-8")
    (folder / MAPPING_FILE).write_text(_text("template_mapping.toml"), encoding="utf-8")
    (folder / CONTRACT_FILE).write_text(folder_contract_markdown(), encoding="utf-8")


def write_example(folder: Path, last_day: date | None = None) -> Path:
    """Write an invented wholesaler as a Romanian spreadsheet would export it, up to a day (default yesterday).

    Headers are Romanian, cells separated by `;`, numbers with a decimal comma, dates as 25.11.2026, text in UTF-8 with
    a byte order mark. The same day gives the same files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last_day = last_day or today() - timedelta(days=1)
    mapping = _text("example_mapping.toml").replace("$last_day", str(last_day))
    (folder / MAPPING_FILE).write_text(mapping, encoding="utf-8")
    for name, (header, rows) in _wholesaler(last_day).items():
        lines = [";".join(map(_cell, row)) for row in (header, *rows)]
        (folder / f"{name}.csv").write_text("\r\n".join([*lines, ""]), encoding="utf-8-sig", newline="")
    return folder


class _Offer(NamedTuple):
    number: int
    first_day: date
    product: int
    depth: float

    def holds_on(self, day: date) -> bool:
        return 0 <= (day - self.first_day).days < _OFFER_DAYS


def _wholesaler(last_day: date) -> Mapping[str, tuple[Row, Iterable[Row]]]:
    """Header and rows of every file: 45 customers with habits, six new offers a week, lists by e-mail twice a week."""
    generator = np.random.default_rng(7)
    days = [last_day - timedelta(days=ago) for ago in reversed(range(_DAYS))]
    habits = generator.random((_CUSTOMERS, len(_PRODUCTS))) ** 4
    usual = generator.integers(1, 9, size=habits.shape).tolist()
    offers = _offers(days[0], generator)
    orders: list[Row] = []
    lines: list[Row] = []
    shown: list[Row] = []
    for day in days:
        live = {offer.product: offer for offer in offers if offer.holds_on(day)}
        if day.weekday() in {0, 3}:
            shown += _lists(day, list(live.values()), generator)
        if day.weekday() == 6:  # closed on Sundays
            continue
        attraction = np.array([1.8 if product in live else 1.0 for product in range(len(_PRODUCTS))])
        for customer in np.flatnonzero(generator.random(_CUSTOMERS) < 0.35).tolist():
            wants = generator.random(len(_PRODUCTS)) < 0.6 * habits[customer] * attraction
            number = f"BC-{day:%y%m%d}-{customer + 1:03d}"
            if wants.any():
                orders.append((number, _card(customer), _moment(day, 8 + customer % 9, 15)))
            for product in np.flatnonzero(wants).tolist():
                offer, quantity = live.get(product), usual[customer][product]
                paid = round(_PRODUCTS[product][3] * (1 - offer.depth if offer else 1), 2)
                lines.append((number, _code(product), quantity, paid * quantity, offer.number if offer else ""))
    last = timedelta(days=_OFFER_DAYS - 1)
    return {
        "clienti": (("Cod client", "Denumire", "Tip", "Județ", "Localitate", "Acord e-mail"), _customers()),
        "produse": (
            ("Cod articol", "Denumire articol", "Categorie", "UM", "Preț listă", "Preț achiziție"),
            [(_code(place), *facts) for place, facts in enumerate(_PRODUCTS)],
        ),
        "oferte": (
            ("Cod ofertă", "De la", "Până la", "Reducere"),
            [(offer.number, offer.first_day, offer.first_day + last, offer.depth) for offer in offers],
        ),
        "articole_oferta": (("Cod ofertă", "Cod articol"), [(offer.number, _code(offer.product)) for offer in offers]),
        "comenzi": (("Număr bon", "Cod client", "Data și ora"), orders),
        "linii": (("Număr bon", "Cod articol", "Cantitate", "Valoare netă", "Cod ofertă"), lines),
        "afisari": (("Cod client", "Cod ofertă", "Trimis la", "Poziție"), shown),
    }


def _offers(first_day: date, generator: np.random.Generator) -> list[_Offer]:
    """Offers of one product each, a batch a week; while one holds its product is in no other."""
    products = generator.permutation(len(_PRODUCTS)).tolist()
    return [
        _Offer(
            100 + place,
            first_day + timedelta(days=7 * (place // _WEEKLY_OFFERS)),
            products[place % len(products)],
            0.10 + 0.05 * (place % 4),
        )
        for place in range(_WEEKLY_OFFERS * (_DAYS // 7 + 1))
    ]


def _lists(day: date, live: list[_Offer], generator: np.random.Generator) -> Iterator[Row]:
    """Five offers at random for every customer who wants e-mails."""
    for customer in range(_CUSTOMERS):
        listed = generator.permutation(len(live))[:5].tolist() if _CONSENTS[customer % len(_CONSENTS)] == "da" else []
        for position, place in enumerate(listed, start=1):
            yield _card(customer), live[place].number, _moment(day, 6, 0), position


def _customers() -> Iterator[Row]:
    for customer in range(_CUSTOMERS):
        county, city = _PLACES[customer % len(_PLACES)]
        kind = _KINDS[customer // 3 % len(_KINDS)]
        consent = _CONSENTS[customer % len(_CONSENTS)]
        yield _card(customer), f"{kind} {customer + 1} SRL", kind, county, city, consent


def _card(customer: int) -> str:
    return f"K-{customer + 1:03d}"


def _code(product: int) -> str:
    return f"A-{1001 + product}"


def _moment(day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time(hour, minute))


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%d.%m.%Y %H:%M}"
    if isinstance(value, date):
        return f"{value:%d.%m.%Y}"
    return f"{value:.2f}".replace(".", ",") if isinstance(value, float) else str(value)


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
