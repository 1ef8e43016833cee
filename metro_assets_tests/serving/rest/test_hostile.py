"""What nobody should send: always a clear refusal, never a fault, and memory stays what it was."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from metro_assets_tests.conftest import program
from metro_assets_tests.serving.rest.conftest import Process, service

pytestmark = pytest.mark.slow
MEGABYTE = 10**6


def faults(process: Process) -> list[str]:
    """What the log calls a fault of the service."""
    lines = process.log.read_text().splitlines()
    return [line for line in lines if '"error"' in line or '"status": 5' in line or "Traceback" in line]


def raw(process: Process, sent: bytes, seconds: float = 10) -> bytes:
    """What comes back for these bytes until the connection is closed or nothing comes."""
    with socket.create_connection(("127.0.0.1", process.port), timeout=seconds) as connection:
        with suppress(OSError):
            connection.sendall(sent)
        received = b""
        with suppress(OSError):
            while part := connection.recv(65536):
                received += part
                if b"\r\n\r\n" in received and b"HTTP/1.1 1" not in received:
                    break
        return received


def test_the_description_of_the_service_holds_whatever_is_sent(ran: Path, serve: Callable[..., Process]) -> None:
    """Schemathesis makes requests from the description, right ones and wrong ones, and checks every answer with it.

    Left out: that whatever fits the description is accepted; a date, a publication or a customer may be unknown.
    """
    process = serve(ran)
    done = subprocess.run(
        [
            program("schemathesis"), "run", f"{process.address}/openapi.json",
            "--checks", "all", "--exclude-checks", "positive_data_acceptance",
            "--max-examples", "12", "--seed", "1", "--no-color",
        ],
        cwd=ran.parent, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert not faults(process)


def test_a_body_that_is_too_large_is_refused_whether_or_not_its_length_is_told(
    ran: Path, serve: Callable[..., Process]
) -> None:
    process = serve(ran)
    before = process.resident_megabytes()
    address = f"{process.address}/v1/recommendations/batch"
    head = b"POST /v1/recommendations/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    declared = raw(process, head + b"Content-Length: 10000000\r\n\r\n" + b" " * 1000)
    assert declared.startswith(b"HTTP/1.1 413 "), declared
    assert b"connection: close" in declared.lower()
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    chunked = raw(process, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 160)
    assert not chunked or chunked.startswith(b"HTTP/1.1 413 "), chunked
    for _ in range(10):
        with suppress(httpx2.TransportError):  # the connection may be closed while it is still sending
            answer = httpx2.post(address, content=b"[" + b"1," * (5 * MEGABYTE))
            assert answer.status_code == 413
            assert answer.json()["code"] == "too_large"
    many = httpx2.post(address, json={"customer_ids": list(range(10_000))})
    assert (many.status_code, many.json()["errors"][0]["field"]) == (422, "body.customer_ids")
    assert process.resident_megabytes() < before + 100
    assert httpx2.get(f"{process.address}/v1/health").status_code == 200
    assert not faults(process)


def test_a_body_that_does_not_come_is_not_waited_for(ran: Path, serve: Callable[..., Process]) -> None:
    process = serve(ran, METRO_API__BODY_SECONDS="0.5")
    head = b"POST /v1/recommendations/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    started = time.monotonic()
    assert raw(process, head + b"{").startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started < 3


def test_slow_readers_keep_nobody_waiting_and_no_memory(ran: Path, serve: Callable[..., Process]) -> None:
    process = serve(ran)
    request = b"GET /v1/recommendations?page_size=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    before = process.resident_megabytes()
    slow = []
    for _ in range(100):
        connection = socket.create_connection(("127.0.0.1", process.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request)
        slow.append(connection)
    time.sleep(1)
    started = time.monotonic()
    for _ in range(50):
        assert httpx2.get(f"{process.address}/v1/ready").status_code == 200
    assert time.monotonic() - started < 10
    assert process.resident_megabytes() < before + 150
    for connection in slow:
        connection.close()
    assert not faults(process)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers/../../etc/passwd",
        "/v1/customers/%2e%2e%2f%2e%2e%2fetc%2fpasswd/recommendations",
        "/swagger/../../../../etc/passwd",
        "/swagger/%2e%2e/main.py",
        "/swagger/..%2f__init__.py",
        "/v1/customers/1;drop table customers/recommendations",
        "/v1/customers/1' or '1'='1/recommendations",
        "/v1/customers/%00/recommendations",
        "/v1/customers/" + "9" * 5000 + "/recommendations",
        "/v1/customers//recommendations",
        "//v1//models",
        "/v1/recommendations?publication=../../../../etc/passwd",
        "/v1/recommendations?algorithm=x';drop table recommendations;--",
        "/v1/recommendations?run_date=2026-05-18'--",
        "/v1/drift?run_date=../../..",
        "/" + "a" * 20_000,
        "/%ff%fe%fd",
        "/v1/recommendations?" + "&".join(f"limit={number}" for number in range(1000)),
    ],
)
def test_a_path_leads_nowhere_else(ran: Path, path: str) -> None:
    with service(ran) as client:
        answer = client.get(path)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] in {"application/problem+json", "text/plain; charset=utf-8"}
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"\xff\xfe\x00",
        b'{"customer_ids": [1e400]}',
        b'{"customer_ids": [NaN]}',
        b'{"customer_ids": [' + b"9" * 5000 + b"]}",
        b"[" * 100_000,
        b'{"a":' * 20_000,
        json.dumps({"customer_ids": ["'; drop table customers; --"]}).encode(),
        json.dumps({"customer_ids": [1], "extra": 1}).encode(),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(ran: Path, body: bytes) -> None:
    with service(ran) as client:
        answer = client.post("/v1/recommendations/batch", content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["request_id"]
    assert len(answer.content) < 20_000


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX-Big: " + b"a" * MEGABYTE + b"\r\n\r\n",
        b"POST /v1/recommendations/batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"FROB /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_not_http_leaves_the_service_standing(ran: Path, serve: Callable[..., Process], sent: bytes) -> None:
    process = serve(ran)
    received = raw(process, sent, seconds=2)
    assert not received.startswith(b"HTTP/1.1 5"), received
    assert httpx2.get(f"{process.address}/v1/health").status_code == 200


def test_more_connections_than_allowed_are_told_to_come_later(ran: Path, serve: Callable[..., Process]) -> None:
    process = serve(ran, METRO_API__MAXIMUM_CONNECTIONS="20")
    held = [socket.create_connection(("127.0.0.1", process.port)) for _ in range(30)]
    refused = raw(process, b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert refused.startswith(b"HTTP/1.1 503 ")
    for connection in held:
        connection.close()
    time.sleep(0.5)
    assert httpx2.get(f"{process.address}/v1/health").status_code == 200


def test_many_threads_get_each_their_own_answer(ran: Path, serve: Callable[..., Process]) -> None:
    process = serve(ran)
    ids = [slate["customer"]["customer_id"] for slate in _page(process)]
    wrong: list[object] = []

    def ask(offset: int) -> None:
        with httpx2.Client(base_url=process.address) as client:
            for number in range(60):
                customer_id = ids[(offset * 7 + number) % len(ids)]
                algorithm = ("boosted_trees", "logistic")[number % 2]
                found = client.get(f"/v1/customers/{customer_id}/recommendations?algorithm={algorithm}").json()
                if (found["customer"]["customer_id"], found["algorithm"]) != (customer_id, algorithm):
                    wrong.append(found)

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not faults(process)


def _page(process: Process) -> list[dict[str, dict[str, int]]]:
    found: list[dict[str, dict[str, int]]] = httpx2.get(
        f"{process.address}/v1/recommendations?page_size=1000&limit=1"
    ).json()["slates"]
    return found
