"""Who guesses keys has to wait, who does not never does, and memory stays bounded."""

from metro_assets.serving.rest import throttle
from metro_assets.serving.rest.throttle import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_address_waits_from_the_last_allowed_failure_until_the_first_is_forgotten() -> None:
    clock = Clock()
    tries = Throttle(allowed=3, seconds=60, clock=clock)
    for _ in range(3):
        assert tries.wait_seconds("10.0.0.1") == 0
        tries.failed("10.0.0.1")
        clock.now += 10
    # Failures at 1000, 1010, 1020; it is 1030, and the first counts until 1060.
    assert tries.wait_seconds("10.0.0.1") == 30
    assert tries.wait_seconds("10.0.0.2") == 0
    clock.now += 29.5
    assert tries.wait_seconds("10.0.0.1") == 1
    clock.now += 0.5
    assert tries.wait_seconds("10.0.0.1") == 0
    tries.failed("10.0.0.1")
    assert tries.wait_seconds("10.0.0.1") == 1010 + 60 - 1060


def test_the_addresses_of_one_network_are_one() -> None:
    tries = Throttle(allowed=1, seconds=60, clock=Clock())
    tries.failed("2001:db8:1:2::1")
    assert tries.wait_seconds("2001:db8:1:2:ffff::9") == 60
    assert tries.wait_seconds("2001:db8:1:3::1") == 0
    tries.failed("not an address")
    assert tries.wait_seconds("not an address") == 60


def test_the_longest_ago_is_forgotten_first() -> None:
    tries = Throttle(allowed=1, seconds=60, clock=Clock())
    for number in range(throttle.ADDRESSES + 5):
        tries.failed(f"host-{number}")
    assert len(tries._failures) == throttle.ADDRESSES
    assert [tries.wait_seconds(f"host-{number}") for number in (0, 4, 5)] == [0, 0, 60]
