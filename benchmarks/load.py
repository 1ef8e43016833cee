"""Load on a web service from a process of its own: `python -m benchmarks.load PORT SECONDS CONNECTIONS < paths`.

Every connection asks, waits for the whole answer, and asks the next path: a closed loop. The client is a protocol of
asyncio's and no HTTP library, for those take longer than what is measured. Writes what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import cast

import numpy as np
import uvloop

LENGTH = b"content-length: "


class Connection(asyncio.Protocol):
    """One connection: seconds from the sent request to the last byte of the answer, and the statuses."""

    def __init__(self, requests: Sequence[bytes], first: int, until: float) -> None:
        self.requests = requests
        self.next = first
        self.until = until
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.expected:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self.received[:end]).lower()
            start = head.index(LENGTH) + len(LENGTH)
            self.expected = end + 4 + int(head[start:].split(b"\r\n", 1)[0])
            self.statuses[int(head[9:12])] += 1
        if len(self.received) >= self.expected:
            now = time.perf_counter()
            self.seconds.append(now - self.asked)
            if now < self.until:
                self._ask()
            else:
                self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None) if error is None else self.done.set_exception(error)

    def _ask(self) -> None:
        self.received, self.expected = bytearray(), 0
        self.next = (self.next + 1) % len(self.requests)
        self.asked = time.perf_counter()
        self.transport.write(self.requests[self.next])


async def load(port: int, paths: Sequence[str], seconds: float, connections: int) -> dict[str, object]:
    """Requests per second, milliseconds at percentiles, answers by status."""
    loop = asyncio.get_running_loop()
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode() for path in paths]
    started = time.perf_counter()
    made = []
    for number in range(connections):
        first = number * len(requests) // connections
        _, connection = await loop.create_connection(
            lambda first=first: Connection(requests, first, started + seconds), "127.0.0.1", port
        )
        made.append(connection)
    await asyncio.gather(*(connection.done for connection in made))
    took = time.perf_counter() - started
    every = np.concatenate([connection.seconds for connection in made]) * 1000
    statuses: Counter[int] = sum((connection.statuses for connection in made), Counter())
    return {
        "rate": len(every) / took,
        "p50": float(np.percentile(every, 50)),
        "p99": float(np.percentile(every, 99)),
        "statuses": {str(status): count for status, count in statuses.items()},
    }


if __name__ == "__main__":
    asked = [line.strip() for line in sys.stdin if line.strip()]
    print(json.dumps(uvloop.run(load(int(sys.argv[1]), asked, float(sys.argv[2]), int(sys.argv[3])))))
