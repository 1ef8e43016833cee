"""Who may ask: API keys from the environment, several at a time so that one can be replaced without a gap."""

from __future__ import annotations

import hmac
import os
import re
from hashlib import sha256

from metro_assets.config import API_KEYS_VARIABLE, ConfigurationError
from metro_assets.serving.rest.asgi import Headers, header

SHORTEST = 16
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class Keys:
    """Named keys; only their digests are kept, and none is ever shown."""

    def __init__(self, digests: dict[str, bytes]) -> None:
        self._digests = digests

    @classmethod
    def from_environment(cls) -> Keys:
        """The keys of `METRO_API_KEYS`: `name:key`, several with commas between them; none where it is not set.

        Raises
        ------
        ConfigurationError : a key without a name, too short, or a name that is used twice.
        """
        digests: dict[str, bytes] = {}
        entries = [entry.strip() for entry in os.environ.get(API_KEYS_VARIABLE, "").split(",")]
        for number, entry in enumerate(filter(None, entries), 1):
            name, _, key = entry.partition(":")
            where = f"{API_KEYS_VARIABLE}, entry {number}"
            if not key or not _NAME.fullmatch(name):
                raise ConfigurationError(f"{where} is not name:key, such as crm:$(openssl rand -hex 32)")
            if len(key) < SHORTEST or not key.isascii() or key != key.strip():
                raise ConfigurationError(f"{where}: the key of {name} needs {SHORTEST} or more plain characters")
            if name in digests:
                raise ConfigurationError(f"{where}: the name {name} is used twice; call the new key {name}-2")
            digests[name] = _digest(key.encode())
        return cls(digests)

    def __bool__(self) -> bool:
        """Whether there is any; without, everyone who reaches the port may ask."""
        return bool(self._digests)

    @property
    def names(self) -> list[str]:
        """What the keys are called."""
        return sorted(self._digests)

    def name_of(self, key: bytes) -> str | None:
        """The name of a key; None where it is none.

        Digests are compared, and always with every key, so that time tells nothing of a key or of its place.
        """
        digest, found = _digest(key), None
        for name, known in self._digests.items():
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def digest_of(self, name: str) -> bytes | None:
        """The digest of the key of a name: what its sessions are signed by."""
        return self._digests.get(name)


def key_in(headers: Headers) -> bytes | None:
    """What is given for a key in `X-API-Key` or `Authorization: Bearer`; None where nothing is."""
    given = header(headers, b"x-api-key")
    if given is not None:
        return given
    scheme, _, token = (header(headers, b"authorization") or b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else None


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()
