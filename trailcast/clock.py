"""The clock that the server tells the time by, and nothing else.

It is the one thing that tests replace: whatever compares "now" with an expiry or a bucket takes a `Clock`. The time of an
event is not taken from here but from the database, under the head row (see `trailcast.ledger.append`).
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)
