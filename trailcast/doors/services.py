"""What the doors hand out to every operation: one of each per process, made by `trailcast.asgi`."""

from dataclasses import dataclass

from trailcast.clock import Clock
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.live.feed import Feed
from trailcast.live.listener import PostgresBackend
from trailcast.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The long-lived parts of one server process."""

    settings: Settings
    clock: Clock
    database: Database
    writers: Writers
    feed: Feed
    bell: PostgresBackend
