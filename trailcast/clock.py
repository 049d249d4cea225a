"""The clocks that the server tells the time by, and nothing else.

They are the one thing that tests replace: whatever compares "now" with an expiry or a bucket takes a `Clock`, and whatever measures
how long ago something was, a `Monotonic`. The time of an event is not taken from here but from the database, under the head
row (see `trailcast.ledger.append`).
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
Monotonic = Callable[[], float]  # in seconds, of which only differences mean something; it never goes back


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)
