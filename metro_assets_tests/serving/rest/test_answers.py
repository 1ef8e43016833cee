"""What every address answers, and what it says where it cannot."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from metro_assets.config import Engine
from metro_assets.serving.queries import OpenPublication, RecommendationReader
from metro_assets.serving.schemas import (
    BatchAnswer,
    CustomerProfile,
    DriftReport,
    Evaluation,
    Models,
    Problem,
    Readiness,
    Slate,
    SlatePage,
)
from metro_assets_tests.conftest import RUN_DATE
from metro_assets_tests.serving.rest.conftest import service

pytestmark = pytest.mark.slow
PAST = RUN_DATE - timedelta(days=7)
NOBODY = 2**31 - 1


@pytest.fixture(scope="module")
def opened(ran: Path) -> OpenPublication:
    return RecommendationReader(ran, Engine()).in_force()


@pytest.fixture(scope="module")
def customer_id(opened: OpenPublication) -> int:
    return opened.some_customer()


@pytest.fixture(scope="module")
def without_offers(opened: OpenPublication) -> int:
    slates = opened.slates()
    return next(number for number in range(1, 151) if number in slates and not slates.has_offers(number))


def refused(client: TestClient, address: str, status: int, code: str, **options: Any) -> Problem:
    """The problem that the address answers with."""
    answer = client.request(options.pop("method", "GET"), address, **options)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = Problem.model_validate(answer.json())
    assert (found.status, found.code) == (status, code)
    assert found.request_id == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    return found


def test_a_customer_gets_ten_offers_of_this_morning_by_the_champion(client: TestClient, customer_id: int) -> None:
    slate = Slate.model_validate(client.get(f"/v1/customers/{customer_id}/recommendations").json())
    assert [offer.rank for offer in slate.offers] == list(range(1, 11))
    assert slate.is_champion
    assert slate.run_date == RUN_DATE


def test_the_short_way_and_the_whole_way_give_the_same_bytes(client: TestClient, customer_id: int) -> None:
    address = f"/v1/customers/{customer_id}/recommendations"
    short = client.get(address)
    for further in ("?limit=10", f"?run_date={RUN_DATE}", f"?algorithm={short.json()['algorithm']}", "?limit=100"):
        whole = client.get(address + further)
        assert whole.content == short.content
        assert whole.headers["etag"] == short.headers["etag"]


def test_run_date_algorithm_and_limit_are_filters(client: TestClient, customer_id: int) -> None:
    address = f"/v1/customers/{customer_id}/recommendations"
    answer = client.get(address, params={"run_date": str(PAST), "algorithm": "logistic", "limit": 3})
    slate = Slate.model_validate(answer.json())
    assert (slate.run_date, slate.algorithm, len(slate.offers)) == (PAST, "logistic", 3)
    assert slate.publication != client.get(address).json()["publication"]


def test_an_unknown_customer_is_told_from_one_without_offers(client: TestClient, without_offers: int) -> None:
    for query in ("", "?limit=5", "?algorithm=logistic"):
        refused(client, f"/v1/customers/{NOBODY}/recommendations{query}", 404, "unknown_customer")
    found = refused(client, f"/v1/customers/{without_offers}/recommendations", 404, "no_recommendations")
    assert re.search(r": [A-Z_]+$", found.detail)
    refused(client, f"/v1/customers/{NOBODY}", 404, "unknown_customer")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "query.limit"),
        ("limit=101", "query.limit"),
        ("limit=ten", "query.limit"),
        ("run_date=yesterday", "query.run_date"),
        ("run_date=1700000000", "query.run_date"),
        ("run_date=2026-02-30", "query.run_date"),
        ("algoritm=logistic", "query.algoritm"),
        ("algorithm=" + "x" * 61, "query.algorithm"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, customer_id: int, query: str, field: str) -> None:
    found = refused(client, f"/v1/customers/{customer_id}/recommendations?{query}", 422, "invalid_request")
    assert [problem.field for problem in found.errors] == [field]
    assert field in found.detail


@pytest.mark.parametrize("text", ["abc", "-1", "2147483648", "1e3", "17.5", "%31%37x", "٣"])
def test_a_customer_that_is_no_number_is_named(client: TestClient, text: str) -> None:
    answer = client.get(f"/v1/customers/{text}/recommendations")
    assert answer.status_code in {404, 422}
    if answer.status_code == 422:
        assert answer.json()["errors"][0]["field"] == "path.customer_id"


def test_what_is_not_published_is_not_found_and_what_is_there_is_named(client: TestClient, customer_id: int) -> None:
    address = f"/v1/customers/{customer_id}/recommendations"
    found = refused(client, f"{address}?run_date=2020-01-01", 404, "unknown_run_date")
    assert str(PAST) in found.detail
    assert refused(client, f"{address}?algorithm=oracle", 404, "unknown_algorithm").errors[0].field == "query.algorithm"
    refused(client, "/v1/nothing", 404, "no_such_address")
    refused(client, address, 405, "method_not_allowed", method="DELETE")


def test_an_answer_is_kept_until_the_next_publication(client: TestClient, customer_id: int) -> None:
    for address in (f"/v1/customers/{customer_id}/recommendations", f"/v1/customers/{customer_id}"):
        first = client.get(address)
        etag = first.headers["etag"]
        assert first.headers["cache-control"] == "private, max-age=60"
        for given in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = client.get(address, headers={"If-None-Match": given})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
    past = client.get(f"/v1/customers/{customer_id}/recommendations", params={"run_date": str(PAST)})
    assert past.headers["etag"] != etag


def test_a_profile_says_who_and_the_features(client: TestClient, customer_id: int) -> None:
    profile = CustomerProfile.model_validate(client.get(f"/v1/customers/{customer_id}").json())
    assert profile.customer_id == customer_id
    assert profile.registered_date < RUN_DATE
    assert profile.monetary_ron is not None
    assert profile.monetary_ron > 0
    assert profile.offer_counts == {"boosted_trees": 10, "logistic": 10}


def test_a_batch_answers_for_each_in_the_order_asked(
    client: TestClient, opened: OpenPublication, without_offers: int
) -> None:
    some = opened.slates().with_offers_after(-1, 5)[::-1]
    wanted = [some[0], NOBODY, *some[1:], without_offers, some[0]]
    answer = client.post("/v1/recommendations/batch?limit=2", json={"customer_ids": wanted})
    found = BatchAnswer.model_validate(answer.json())
    assert [slate.customer.customer_id for slate in found.slates] == some
    assert {len(slate.offers) for slate in found.slates} == {2}
    assert found.unknown_customer_ids == [NOBODY]
    assert [missing.customer_id for missing in found.without_offers] == [without_offers]
    by_another = client.post("/v1/recommendations/batch?algorithm=logistic", json={"customer_ids": some}).json()
    single = client.get(f"/v1/customers/{some[0]}/recommendations?algorithm=logistic").json()
    assert by_another["slates"][0] == single


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"customer_ids": []}, "body.customer_ids"),
        ({"customer_ids": list(range(1001))}, "body.customer_ids"),
        ({"customer_ids": ["17"]}, "body.customer_ids.0"),
        ({"customer_ids": [17, -1]}, "body.customer_ids.1"),
        ({"customer_ids": [17, 1.5]}, "body.customer_ids.1"),
        ({"customers": [17]}, "body.customer_ids"),
        ([17], "body"),
    ],
)
def test_a_wrong_batch_is_refused_with_its_field(client: TestClient, body: Any, field: str) -> None:
    found = refused(client, "/v1/recommendations/batch", 422, "invalid_request", method="POST", json=body)
    assert field in [problem.field for problem in found.errors]


@pytest.mark.parametrize("query", ["", "&algorithm=logistic", f"&run_date={PAST}"])
def test_pages_visit_every_customer_once(client: TestClient, opened: OpenPublication, query: str) -> None:
    address: str | None = f"/v1/recommendations?page_size=40&limit=1{query}"
    seen: list[int] = []
    pages = 0
    while address:
        page = SlatePage.model_validate(client.get(address).json())
        seen += [slate.customer.customer_id for slate in page.slates]
        assert {len(slate.offers) for slate in page.slates} <= {1}
        address, pages = page.next, pages + 1
    assert pages >= 3
    assert seen == sorted(set(seen))
    if not query:
        assert seen == opened.slates().with_offers_after(-1, 10_000)


def test_pages_stay_with_their_publication(copied: Path) -> None:
    with service(copied) as client:
        following = client.app.app.state.following  # type: ignore[attr-defined]
        first = client.get("/v1/recommendations?page_size=3").json()
        following.reader.publications.rollback()
        following.look()
        assert client.get("/v1/ready").json()["run_date"] == str(PAST)
        second = client.get(first["next"]).json()
        assert second["publication"] == first["publication"]
        assert second["slates"][0]["run_date"] == str(RUN_DATE)
        gone = first["next"].replace(first["publication"], "recommendations-2001-01-01-00000000")
        refused(client, gone, 410, "publication_gone")


def test_models_evaluation_and_drift_are_told(client: TestClient) -> None:
    models = Models.model_validate(client.get("/v1/models").json())
    assert sum(model.is_champion for model in models.models) == 1
    assert {model.algorithm for model in models.models} == {"boosted_trees", "logistic"}
    evaluation = Evaluation.model_validate(client.get("/v1/evaluation").json())
    assert {"random", "boosted_trees"} <= {metric.algorithm for metric in evaluation.metrics}
    drift = DriftReport.model_validate(client.get("/v1/drift", params={"run_date": str(RUN_DATE)}).json())
    assert len(drift.quantities) >= 17
    assert [row.psi for row in drift.quantities] == sorted((row.psi for row in drift.quantities), reverse=True)
    for address in ("evaluation", "drift"):
        refused(client, f"/v1/{address}?run_date=2020-01-01", 404, "unknown_run_date")


def test_readiness_tells_the_age(client: TestClient) -> None:
    readiness = Readiness.model_validate(client.get("/v1/ready").json())
    assert readiness.is_ready
    assert readiness.run_date == RUN_DATE
    assert readiness.run_date_age_days is not None
    assert readiness.run_date_age_days > 1
    assert readiness.is_stale
    assert readiness.age_seconds is not None
    assert 0 < readiness.age_seconds < 3600


def test_an_empty_warehouse_is_alive_and_not_ready(tmp_path: Path) -> None:
    with service(tmp_path / "empty") as client:
        assert client.get("/v1/health").json() == {"status": "ok"}
        readiness = client.get("/v1/ready")
        assert (readiness.status_code, readiness.json()["is_ready"]) == (503, False)
        assert "metro run" in readiness.json()["problem"]
        refused(client, "/v1/customers/17/recommendations", 503, "nothing_published")
        refused(client, "/v1/publications", 503, "nothing_published")
        refused(client, "/v1/drift", 404, "unknown_run_date")
        assert client.get("/v1/models").json()["models"] == []


def test_a_damaged_publication_leaves_the_one_before_it_in_service(copied: Path, customer_id: int) -> None:
    with service(copied) as client:
        following = client.app.app.state.following  # type: ignore[attr-defined]
        publications = following.reader.publications
        before = publications.current()
        publications.rollback()
        following.look()
        publications.path(before).write_bytes(b"not a database")
        pointer = json.loads(publications.pointer.read_text())
        publications.pointer.write_text(json.dumps(pointer | {"name": before.name, "run_date": str(RUN_DATE)}))
        following.look()
        assert client.get(f"/v1/customers/{customer_id}/recommendations").json()["run_date"] == str(PAST)
        readiness = client.get("/v1/ready").json()
        assert readiness["is_ready"]
        assert readiness["is_stale"]
        assert "damaged" in readiness["problem"]


def test_metrics_count_requests_by_route_and_know_no_customer(client: TestClient, customer_id: int) -> None:
    for _ in range(3):
        client.get(f"/v1/customers/{customer_id}/recommendations")
    client.get("/v1/secret-place")
    text = client.get("/metrics").text
    route = re.escape("/v1/customers/{customer_id}/recommendations")
    counted = re.search(rf'metro_api_requests_total\{{method="GET",route="{route}",status="200"\}} (\S+)', text)
    assert counted
    assert float(counted[1]) >= 3
    assert 'route="unmatched",status="404"' in text
    assert "secret-place" not in text
    assert f"/{customer_id}/" not in text
    assert "metro_publication_offers" in text


def test_the_documentation_reads_without_the_internet(client: TestClient) -> None:
    page = client.get("/docs").text
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address.startswith("/swagger/"), address
        assert client.get(address).status_code == 200
    description = client.get("/openapi.json").json()
    assert description["components"]["schemas"]["Recommendation"]["properties"]["reason"]["examples"]
    for path, operations in description["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert "tags" in operation, path


def test_a_request_id_is_taken_over_if_it_is_harmless(client: TestClient) -> None:
    assert client.get("/v1/health", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    for hostile in ("a b", "x" * 65, "a\tb", '"><script>'):
        given = client.get("/v1/health", headers={"X-Request-ID": hostile}).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{16}", given)
