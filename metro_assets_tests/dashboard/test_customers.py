"""Finding a customer however their name is typed, and the list of all."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from metro_assets.config import Engine
from metro_assets.dashboard.customers import Directory, Filters, Order
from metro_assets.serving.publish import Publications
from metro_assets.serving.queries import RecommendationReader
from metro_assets.storage.contract import contract
from metro_assets.vocabulary import CUSTOMER_FEATURES
from metro_assets_tests.conftest import RUN_DATE
from metro_assets_tests.dashboard.conftest import pages_of

HOSTILE = "<script>alert('x')</script> \"S.C.\" \u202e Țărăncuța & Fiii " + "lung " * 30
NAMES = [
    "Pizzeria Țărăncuța S.R.L.",
    "Cafeneaua Şase Paşi",
    "S.C. Pizza Mare & Mică",
    "Marea Pizza",
    "Mare",
    "Hotel 17",
    HOSTILE,
]


class Opened:
    """A publication with the customers of the names, numbered from 17 on."""

    class publication:
        champion = "logistic"

    def frame(self, query: str, **_: object) -> pl.DataFrame:
        rows: list[dict[str, Any]] = [
            {
                "customer_id": 17 + place,
                "name": name,
                "segment": "HORECA" if place % 2 else "TRADER",
                "business_type": "CAFE",
                "cui": f"RO1000000{place}" if place else "2000 000",
                "metro_card": f"64200-{place:04}",
                "store_id": 4 if place < 3 else None,
                "store_name": "METRO Militari" if place < 3 else None,
                "monetary_ron": float(place),
                "frequency_orders": 1.0,
                "recency_days": None,
            }
            for place, name in enumerate(NAMES)
        ]
        return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def directory() -> Directory:
    return Directory(Opened())  # type: ignore[arg-type]


def names(directory: Directory, text: str, order: Order = "match", **filters: Any) -> list[str]:
    rows = directory.rows(directory.found(Filters(text, **filters), order))
    return [str(name) for name in rows["name"]]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("taranc", [0, 6]),
        ("ŢĂRĂNCUŢA pizzeria", [0]),
        ("sase pasi", [1]),
        ("șase", [1]),
        ("sc pizza", [2]),
        ("s.c. pizza", [2]),
        ("mica mare", [2]),
        ("mare", [4, 3, 2]),
        ("pizza", [3, 2]),
        ("arancuta", [0, 6]),
        ("2000000", [0]),
        ("RO 2000000", [0]),
        ("10000002", [2]),
        ("ro10000002", [2]),
        ("1000000", [1, 4, 5, 3, 2, 6]),
        ("64200 0003", [3]),
        ("17", [0, 5]),
        ("0017", [0]),
        ("99", []),
        ("%", []),
        ("_", []),
        ("' or 1=1 --", []),
        ("ro", []),
        ("???", []),
    ],
)
def test_a_customer_is_found_however_it_is_typed(directory: Directory, typed: str, found: list[int]) -> None:
    assert names(directory, typed) == sorted([NAMES[place] for place in found], key=names(directory, typed).index)
    assert len(names(directory, typed)) == len(found)


def test_what_is_exactly_so_comes_first(directory: Directory) -> None:
    assert names(directory, "mare")[0] == "Mare"
    assert names(directory, "mare")[1] == "Marea Pizza"
    assert names(directory, "17")[0] == NAMES[0]
    assert names(directory, "64200-0003") == [NAMES[3]]


def test_filters_narrow_and_orders_sort(directory: Directory) -> None:
    assert names(directory, "", "number", segment="HORECA") == NAMES[1::2]
    assert names(directory, "", "spend") == NAMES[::-1]
    assert names(directory, "", "spend", store_id=4) == NAMES[2::-1]
    assert names(directory, "pizza", "spend", segment="TRADER") == [NAMES[2]]
    assert names(directory, "", "recency", business_type="SCHOOL") == []
    assert (directory.segments, directory.stores) == (["HORECA", "TRADER"], [(4, "METRO Militari")])


def published(ran: Path) -> pl.DataFrame:
    return RecommendationReader(ran, Engine()).in_force().frame("from customers order by customer_id")


def test_the_search_answers_with_addresses(pages: TestClient, ran: Path) -> None:
    wanted = published(ran).row(4, named=True)
    for typed in (wanted["name"].upper(), wanted["cui"], f"ro {wanted['cui']}", wanted["metro_card"]):
        found = pages.get("/customers/search", params={"q": typed}).json()
        assert found[0]["href"] == f"/customers/{wanted['customer_id']}", typed
        assert found[0]["name"] == wanted["name"]
        assert len(found) <= 10
    assert pages.get("/customers/search").json() == pages.get("/customers/search?q=%20").json() == []
    assert pages.get("/customers/search", params={"q": "x" * 81}).status_code == 422


def test_the_list_holds_every_customer_once(pages: TestClient, ran: Path) -> None:
    everyone = published(ran)
    listed = list(csv.DictReader(io.StringIO(pages.get("/customers?format=csv&sort=number").text)))
    assert [int(row["customer_id"]) for row in listed] == everyone["customer_id"].to_list()
    assert list(listed[0]) == [*contract("customers").column_names, *CUSTOMER_FEATURES, "offer_count", "shortfall"]
    newcomers = [row for row in listed if row["offer_count"] != "10" and not row["shortfall"]]
    assert all(row["registered_date"] >= str(RUN_DATE) for row in newcomers)
    assert pages.get("/customers?sort=spend&page=99").text.count("registered since") == len(newcomers)
    last = -(-len(everyone) // 50)
    ids = [
        row.split('"')[0].split("?")[0]
        for number in range(1, last + 1)
        for row in pages.get(f"/customers?sort=number&page={number}").text.split('<a href="/customers/')[1:]
    ]
    assert list(map(int, ids)) == everyone["customer_id"].to_list()
    beyond = pages.get(f"/customers?sort=number&page={last + 7}").text
    assert f"page {last} of {last}" in beyond


def test_the_form_sends_back_what_was_chosen(pages: TestClient) -> None:
    page = pages.get("/customers?q=a&segment=HORECA&business_type=&store=&sort=&date=").text
    assert '<option value="HORECA" selected>' in page
    assert 'value="a"' in page
    assert pages.get("/customers?segment=NOBODY").text.count("<h2>Nobody found</h2>") == 1
    for wrong in ("page=0", "store=x", "store=99999999", "sort=size", "format=xml", "date=yesterday", "q=" + "x" * 81):
        assert pages.get(f"/customers?{wrong}").status_code == 422, wrong
    assert pages.get("/customers?date=2020-01-01").status_code == 404


def test_the_list_speaks_romanian(pages: TestClient) -> None:
    page = pages.get("/customers", headers={"Accept-Language": "ro"}).text
    assert "<h1>Clienți</h1>" in page
    assert "de clienți" in page


def test_a_hostile_name_stays_text(copied: Path) -> None:
    publications = Publications(copied, 14)
    path = publications.path(publications.current())
    with duckdb.connect(str(path)) as connection:
        connection.execute("update customers set name = $name where customer_id = 1", {"name": HOSTILE})
        connection.execute("update customers set name = '=cmd|calc' where customer_id = 2")
    with pages_of(copied) as client:
        page = client.get("/customers", params={"q": "<script>alert('x')"}).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page
        assert client.get("/customers/search", params={"q": "fiii tarancuta"}).json()[0]["name"] == HOSTILE
        listed = list(csv.DictReader(io.StringIO(client.get("/customers?format=csv&sort=number").text)))
        assert [row["name"] for row in listed[:2]] == [HOSTILE, "'=cmd|calc"]


@pytest.mark.slow
def test_a_person_finds_a_customer_with_the_keyboard_alone(site: str, page: Page, ran: Path) -> None:
    wanted = published(ran).row(4, named=True)
    page.goto(f"{site}/offers")
    page.keyboard.press("/")
    page.keyboard.type(wanted["cui"])
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_contain_text(wanted["name"])
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site}/customers/{wanted['customer_id']}")
    page.go_back()
    page.get_by_role("combobox", name="Find a customer").fill("zzzz")
    expect(page.get_by_text("Nobody found")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.get_by_role("combobox", name="Find a customer").fill("a")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site}/customers?q=a")
    page.get_by_label("Segment").select_option("HORECA")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile("q=a&segment=HORECA"))
