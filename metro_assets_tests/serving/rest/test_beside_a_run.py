"""Real processes: the service, a client that never stops asking, and runs that rewrite what is asked for."""

import json
import multiprocessing
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx2
import pytest

from metro_assets.config import Engine
from metro_assets.serving.queries import RecommendationReader
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import RUN_DATE, metro
from metro_assets_tests.serving.rest.conftest import Process

pytestmark = pytest.mark.slow
CHAMPIONS = ("boosted_trees", "logistic")


def ask(address: str, ids: list[int], stop: Event, report: "multiprocessing.Queue[Any]") -> None:
    """Look up, batch and page until told to stop; reports counts, and every answer that is not whole."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []

    def one(slate: dict[str, Any], source: str) -> None:
        ranks = [offer["rank"] for offer in slate["offers"]]
        if ranks != list(range(1, len(ranks) + 1)) or not ranks or slate["is_champion"] is not True:
            wrong.append(f"{source}: {slate}")

    def checked(answer: httpx2.Response) -> dict[str, Any]:
        counts[str(answer.status_code)] += 1
        if answer.status_code != 200:
            wrong.append(f"{answer.request.url}: {answer.status_code} {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found

    with httpx2.Client(base_url=address, timeout=30) as client:
        number = 0
        while not stop.is_set():
            for customer_id in ids[number % 7 :: 7]:
                slate = checked(client.get(f"/v1/customers/{customer_id}/recommendations"))
                one(slate, "look-up")
                counts[slate["publication"]] += 1
            batch = checked(client.post("/v1/recommendations/batch", json={"customer_ids": ids}))
            if len(batch["slates"]) != len(ids) or {s["publication"] for s in batch["slates"]} != {
                batch["publication"]
            }:
                wrong.append(f"batch of {len(batch['slates'])} of {batch['publication']}")
            page, seen = "/v1/recommendations?page_size=40", []
            publications = set()
            while page:
                content = checked(client.get(page))
                publications |= {content["publication"], *(slate["publication"] for slate in content["slates"])}
                seen += [slate["customer"]["customer_id"] for slate in content["slates"]]
                page = content["next"]
            if len(publications) != 1 or seen != sorted(set(seen)):
                wrong.append(f"pages of {publications}")
            number += 1
    report.put((dict(counts), wrong[:20]))


def test_thousands_of_requests_beside_runs_and_swaps_without_a_failure(
    copied: Path, serve: Callable[..., Process]
) -> None:
    process = serve(copied, METRO_API__FOLLOW_SECONDS="0.05")
    opened = RecommendationReader(copied, Engine()).in_force()
    ids = opened.slates().with_offers_after(-1, 1000)
    context = multiprocessing.get_context("spawn")
    stop, report = context.Event(), context.Queue()
    client = context.Process(target=ask, args=(process.address, ids, stop, report))
    client.start()
    memory = []
    publications = RecommendationReader(copied, Engine()).publications
    for turn in range(2):
        done = metro("run", "--date", RUN_DATE, warehouse=copied)
        assert done.returncode == 0, done.stderr
        memory.append(process.resident_megabytes())
        for swap in range(6):
            publications.serve_algorithm(CHAMPIONS[(turn + swap) % 2])
            time.sleep(0.15)
        publications.rollback()
        time.sleep(0.15)
    stop.set()
    counts, wrong = report.get(timeout=60)
    client.join(30)
    assert not wrong, wrong
    assert counts.pop("200") > 2000
    assert sum(name.startswith("recommendations-") for name in counts) >= 3
    assert not any(name.startswith(("4", "5")) for name in counts)
    assert memory[-1] < memory[0] + 60
    log = [json.loads(line) for line in process.log.read_text().splitlines() if line.startswith("{")]
    assert not [entry for entry in log if entry.get("level") == "error"]


def test_a_request_under_way_is_answered_when_the_service_stops(ran: Path, serve: Callable[..., Process]) -> None:
    process = serve(ran)
    with socket.create_connection(("127.0.0.1", process.port)) as connection:
        body = b'{"customer_ids": [1, 2, 3]}'
        connection.sendall(
            b"POST /v1/recommendations/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body[:5]
        )
        time.sleep(0.3)
        process.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(body[5:])
        received = b""
        while part := connection.recv(65536):
            received += part
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"unknown_customer_ids" in received
    assert process.process.wait(20) == -signal.SIGTERM
    assert '"error"' not in process.log.read_text()


def test_no_lookup_waits_for_a_partition_that_is_being_written(copied: Path, serve: Callable[..., Process]) -> None:
    process, warehouse, stop = serve(copied), Warehouse(copied, Engine()), threading.Event()
    with warehouse.connection() as connection:
        drift = warehouse.read(connection, "drift_log", [RUN_DATE]).pl().drop("run_date")

    def rewrite() -> None:
        while not stop.is_set():
            warehouse.write("drift_log", RUN_DATE, drift)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        with httpx2.Client(base_url=process.address) as client:
            expected = client.get(f"/v1/drift?run_date={RUN_DATE}").json()
            assert len(expected["quantities"]) == len(drift)
            for _ in range(100):
                assert client.get(f"/v1/drift?run_date={RUN_DATE}").json() == expected
    finally:
        stop.set()
        writer.join()


def test_the_command_says_where_it_listens_and_refuses_a_taken_port(ran: Path, serve: Callable[..., Process]) -> None:
    process = serve(ran)
    log = process.log.read_text()
    assert process.address in log
    assert "without keys" in log
    taken = metro("serve", "--port", process.port, warehouse=ran)
    assert taken.returncode == 2
    assert f"port {process.port} is taken" in taken.stderr
    elsewhere = metro("serve", "--host", "203.0.113.7", warehouse=ran)
    assert elsewhere.returncode == 2
