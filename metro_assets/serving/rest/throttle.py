"""How often an address may be wrong: whoever guesses keys is told to wait."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

ADDRESSES = 10_000
"""Addresses that are remembered at most; those that were wrong longest ago are forgotten first."""
NETWORK_BITS = 64
"""Of an IPv6 address: who has one has the whole network behind it (RFC 6177), and could change it with every try."""


class Throttle:
    """Wrong keys by the address that they came from. Safe to share between threads."""

    def __init__(self, allowed: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowed = allowed
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, address: str) -> int:
        """Whole seconds that the address has to wait before it may try again; 0: it may now."""
        with self._lock:
            failures = self._failures.get(_network(address))
            if failures is None or len(failures) < self._allowed:
                return 0
            return max(math.ceil(failures[0] + self._seconds - self._clock()), 0)

    def failed(self, address: str) -> None:
        """Remember that a wrong key came from the address."""
        network = _network(address)
        with self._lock:
            self._failures.setdefault(network, deque(maxlen=self._allowed)).append(self._clock())
            self._failures.move_to_end(network)
            if len(self._failures) > ADDRESSES:
                self._failures.popitem(last=False)


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, NETWORK_BITS), strict=False)) if found.version == 6 else address
