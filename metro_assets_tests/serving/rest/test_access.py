"""Keys: who may ask, what is never shown, and that without keys only this machine may."""

import hmac
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metro_assets.config import API_KEYS_VARIABLE, ConfigurationError, load_settings
from metro_assets.serving.rest import access
from metro_assets.serving.rest.access import Keys, key_in
from metro_assets.serving.rest.asgi import Headers
from metro_assets.serving.rest.server import is_loopback
from metro_assets_tests.conftest import metro
from metro_assets_tests.serving.rest.conftest import KEYS, Process, service

ENTRIES = ",".join(f"{name}:{key}" for name, key in KEYS.items())


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.setenv(API_KEYS_VARIABLE, ENTRIES)
    return Keys.from_environment()


def name_in(keys: Keys, headers: Headers) -> str | None:
    given = key_in(headers)
    return None if given is None else keys.name_of(given)


def test_each_key_is_known_by_its_name_in_either_header(keys: Keys) -> None:
    for name, key in KEYS.items():
        assert name_in(keys, [(b"x-api-key", key.encode())]) == name
        assert name_in(keys, [(b"authorization", f"Bearer {key}".encode())]) == name
        assert name_in(keys, [(b"authorization", f"bearer  {key}".encode())]) == name


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-api-key", b"")],
        [(b"x-api-key", b"wrong")],
        [(b"x-api-key", KEYS["crm"][:-1].encode())],
        [(b"x-api-key", KEYS["crm"].encode() + b" ")],
        [(b"authorization", KEYS["crm"].encode())],
        [(b"authorization", b"Basic " + KEYS["crm"].encode())],
        [(b"x-api-key", b"wrong"), (b"authorization", b"Bearer " + KEYS["crm"].encode())],
        [(b"x-api-key", b"\xff\xfe" * 5000)],
    ],
)
def test_a_wrong_key_is_nobody(keys: Keys, headers: list[tuple[bytes, bytes]]) -> None:
    assert name_in(keys, headers) is None


def test_every_key_is_compared_whichever_is_given(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    plain = hmac.compare_digest

    def counted(given: bytes, known: bytes) -> bool:
        compared.append(len(given))
        return plain(given, known)

    monkeypatch.setattr(access.hmac, "compare_digest", counted)
    for given in (*KEYS.values(), "wrong", "x" * 100_000):
        compared.clear()
        keys.name_of(given.encode())
        assert compared == [32] * len(KEYS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("only-a-key-without-a-name", "name:key"),
        ("crm:", "name:key"),
        (":a-key-without-a-name-0123", "name:key"),
        ("crm:short", "16 or more"),
        ("crm:înainte-și-după-cheie", "16 or more"),
        (f"{ENTRIES},crm:another-key-for-the-same-name", "used twice"),
        (f"{ENTRIES},a b:another-key-of-a-bad-name", "entry 3"),
    ],
)
def test_keys_that_are_none_are_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setenv(API_KEYS_VARIABLE, text)
    with pytest.raises(ConfigurationError, match=said) as refusal:
        Keys.from_environment()
    for secret in (part.partition(":")[2] for part in text.split(",")):
        assert not secret or secret not in str(refusal.value)


def test_keys_are_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(API_KEYS_VARIABLE, ENTRIES)
    settings = load_settings(tmp_path)
    assert not any(key in repr(settings) for key in KEYS.values())


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.7", False),
        ("offers.metro.ro", False),
        ("", False),
    ],
)
def test_loopback_is_only_this_machine(host: str, is_local: bool) -> None:
    assert is_loopback(host) == is_local


@pytest.mark.slow
def test_with_keys_only_what_holds_no_customer_is_open(ran: Path, keys: Keys) -> None:
    with service(ran, keys) as client:
        client.base_url = client.base_url.copy_with(host="offers.example.com")
        for address in ("/v1/health", "/v1/ready", "/docs", "/openapi.json", "/swagger/swagger-ui.css"):
            assert client.get(address).status_code == 200, address
        closed = ("/v1/customers/17", "/v1/recommendations", "/v1/models", "/metrics", "/v1/nothing", "//v1/health")
        for address in (*closed, "/swagger/../v1/models", "/v1/health/"):
            answer = client.get(address)
            assert answer.status_code == 401, address
            assert answer.json()["code"] == "no_valid_key"
            assert answer.headers["www-authenticate"].startswith("Bearer")
        for key in KEYS.values():
            assert client.get("/v1/models", headers={"X-API-Key": key}).status_code == 200


@pytest.mark.slow
def test_without_keys_a_foreign_name_is_not_answered(ran: Path) -> None:
    with service(ran) as client:
        for host in ("localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"):
            assert client.get("/v1/models", headers={"Host": host}).status_code == 200, host
        for host in ("evil.example.com", "localhost.evil.com", "127.0.0.1.evil.com:80", "", "localhost@evil.com"):
            assert client.get("/v1/models", headers={"Host": host}).status_code == 421, host


@pytest.mark.slow
def test_another_address_needs_a_key(ran: Path) -> None:
    done = metro("serve", "--host", "0.0.0.0", warehouse=ran)
    assert done.returncode == 2
    assert "METRO_API_KEYS" in done.stderr


@pytest.mark.slow
def test_a_wrong_key_a_thousand_times_is_told_to_wait_and_no_key_is_logged(
    ran: Path, serve: Callable[..., Process]
) -> None:
    import httpx2

    process = serve(ran, "--host", "0.0.0.0", METRO_API_KEYS=ENTRIES)
    with httpx2.Client(base_url=process.address) as client:
        client.get("/v1/models", headers={"X-API-Key": KEYS["mail"]})
        before = process.resident_megabytes()
        for number in range(1000):
            answer = client.get("/v1/models", headers={"X-API-Key": f"{KEYS['crm']}{number}"})
            assert answer.status_code == (401 if number < 5 else 429)
        assert answer.json()["code"] == "too_many_wrong_keys"
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert client.get("/v1/models", headers={"X-API-Key": KEYS["mail"]}).status_code == 200
        assert process.resident_megabytes() < before + 20
    assert process.stop() == -signal.SIGTERM
    log = process.log.read_text()
    assert not any(key in log for key in KEYS.values())
    requests: list[dict[str, Any]] = [json.loads(line) for line in log.splitlines() if '"request"' in line]
    assert {entry["key"] for entry in requests if "key" in entry} == {"mail"}
