"""How many sign-ins of one address may fail, how long it has to wait then, and how many addresses are remembered."""

import logging
from dataclasses import dataclass

import pytest

from trailcast.doors.attempts import Attempts
from trailcast.errors import RateLimited
from trailcast.settings import Settings

ADDRESS = "203.0.113.7"


@dataclass
class Passing:
    """Time, as the test has it pass."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def passing() -> Passing:
    return Passing()


@pytest.fixture
def attempts(passing: Passing) -> Attempts:
    return Attempts(Settings(sign_in_failures_max=3, sign_in_failures_window_s=60, callers_max=4), passing)


def failures(attempts: Attempts, count: int, address: str | None = ADDRESS) -> list[float]:
    """How long each of so many has to wait."""
    waits = []
    for _ in range(count):
        try:
            attempts.fail(address)
        except RateLimited as error:
            waits.append(error.retry_after_s)
        else:
            waits.append(0.0)
    return waits


def test_failures_are_counted_and_forgiven_one_by_one(attempts: Attempts, passing: Passing) -> None:
    assert failures(attempts, 5) == [0, 0, 0, 20, 20]
    passing.now += 15
    assert failures(attempts, 1) == [5]
    passing.now += 5
    assert failures(attempts, 2) == [0, 20]
    passing.now += 1000
    assert failures(attempts, 4) == [0, 0, 0, 20]


def test_addresses_are_counted_apart_and_networks_of_ipv6_together(attempts: Attempts) -> None:
    assert failures(attempts, 4, "2001:db8::1") == [0, 0, 0, 20]
    assert failures(attempts, 1, "2001:db8::ffff:2") == [20]
    assert failures(attempts, 1, "2001:db8:0:1::1") == [0]
    assert failures(attempts, 4, None) == [0, 0, 0, 20]


def test_table_of_addresses_is_bounded_and_forgets_who_failed_longest_ago(attempts: Attempts) -> None:
    assert failures(attempts, 4, "192.0.2.0") == [0, 0, 0, 20]
    for last in range(1, 4):
        failures(attempts, 4, f"192.0.2.{last}")
    assert failures(attempts, 1, "192.0.2.0") == [20]
    failures(attempts, 1, "192.0.2.4")
    assert len(attempts) == 4
    assert failures(attempts, 1, "192.0.2.0") == [20]
    assert failures(attempts, 1, "192.0.2.1") == [0]


def test_address_that_is_limited_is_named_in_the_log_once(
    attempts: Attempts, passing: Passing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    failures(attempts, 10)
    line = f"sign-ins from {ADDRESS} fail too often: they are refused with RATE_LIMITED"
    assert caplog.messages == [line]
    passing.now += 20
    failures(attempts, 2)
    assert caplog.messages == [line, line]
