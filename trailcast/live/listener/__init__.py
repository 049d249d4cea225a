"""The doorbells between processes, one module for each server that may carry one, and the choice among them.

`make_bells` reads the setting. What a bell is, stands in `bell`; hears and rings them: `trailcast.live.doorbell`.
"""

from urllib.parse import urlsplit

from trailcast.errors import ConfigurationError
from trailcast.ledger.database import driver_url
from trailcast.live.counters import Counters
from trailcast.live.listener.bell import RESYNC, Bell
from trailcast.live.listener.postgres import PostgresBackend

__all__ = ["RESYNC", "Bell", "PostgresBackend", "make_bells"]


def make_bells(broadcast_url: str | None, database_url: str, counters: Counters) -> tuple[Bell, ...]:
    """The bell that a process rings, and after it those that it only hears. Raises ConfigurationError.

    Changes of access are rung by a trigger in the database, so PostgreSQL's bell is always among them.
    """
    url = driver_url(database_url)
    if broadcast_url is None:
        return (PostgresBackend(url, counters),)
    return _make_bell(broadcast_url, counters), PostgresBackend(url, counters, rings=False)


def _make_bell(url: str, counters: Counters) -> Bell:
    try:
        scheme = urlsplit(url).scheme
        # Each driver costs start-up time and memory, and most processes need neither.
        if scheme in {"redis", "rediss"}:
            from trailcast.live.listener.redis import RedisBackend

            return RedisBackend(url, counters)
        if scheme == "nats":
            from trailcast.live.listener.nats import NatsBackend

            return NatsBackend(url, counters)
    except (ValueError, TypeError):
        # Neither the URL nor the error's words are repeated: both may hold a password.
        raise ConfigurationError(f"TRAILCAST_BROADCAST_URL cannot be read as a URL: {_MAY_BE}") from None
    raise ConfigurationError(f"TRAILCAST_BROADCAST_URL is of no kind that the doorbell knows: {_MAY_BE}")


_MAY_BE = (
    "it may be redis://HOST:PORT or rediss://HOST:PORT (Redis, Valkey), nats://HOST:PORT (NATS), "
    "or left out, for PostgreSQL's NOTIFY."
)
