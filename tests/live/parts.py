"""The live feed in parts, with places to stop at: a database that waits where a test says, a log of one's own, a reader.

Nothing is replaced: the gates stand around the real connections, the log is a real workspace, the caller has a real token.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from resolvers.context import Caller
from resolvers.principals import Principals
from tests.ledger.drafts import draft, empty_log
from tests.support.waiting import until
from trailcast.access.principal import Credentials
from trailcast.access.tokens import parse_token
from trailcast.clock import utc_now
from trailcast.ledger.admin import create_token, ensure_service
from trailcast.ledger.append import Submission, append
from trailcast.ledger.cursor import encode_sequence
from trailcast.ledger.database import Database
from trailcast.ledger.lanes import Plan
from trailcast.live.audiences import Delivery
from trailcast.live.counters import Counters
from trailcast.live.feed import Feed, Start
from trailcast.live.hub import Follower, Hub
from trailcast.live.subscription import Shared, Subscription
from trailcast.records import ActorKind, EventFilter, EventRecord
from trailcast.settings import Settings

Step = Callable[[], Awaitable[object]]
NEVER_MS = 60_000  # a tick that no test lives to see
EVERYTHING = EventFilter()


class GatedDatabase(Database):
    """Does something at chosen places: `("before", 2)` is before the second reading begins, `("after", 2)` when it has ended. Looking
    up is reading too."""

    def __init__(self, url: str, settings: Settings) -> None:
        super().__init__(url, settings)
        self.readings = 0
        self.steps: dict[tuple[str, int], Step] = {}

    @asynccontextmanager
    async def reading(self, workspace_id: UUID | None) -> AsyncGenerator[AsyncConnection]:
        async with self._gated(), super().reading(workspace_id) as connection:
            yield connection

    async def fetch(
        self, workspace_id: UUID, text: str, values: Sequence[Any], plan: Plan = Plan.AS_IT_LIKES
    ) -> list[asyncpg.Record]:
        async with self._gated():
            return await super().fetch(workspace_id, text, values, plan)

    @asynccontextmanager
    async def looking_up(self) -> AsyncGenerator[AsyncConnection]:
        async with self._gated(), super().looking_up() as connection:
            yield connection

    @asynccontextmanager
    async def _gated(self) -> AsyncGenerator[None]:
        self.readings += 1
        number = self.readings
        await self._pass("before", number)
        yield
        await self._pass("after", number)

    async def _pass(self, place: str, number: int) -> None:
        step = self.steps.pop((place, number), None)
        if step is not None:
            await step()


@dataclass
class Log:
    """A workspace with a log of its own, one who writes it and one who reads it."""

    database: Database
    hub: Hub
    workspace_id: UUID
    caller: Caller
    end: int = 0

    async def write(self, count: int = 1, message: str | None = None, **others: Any) -> None:
        """Commit so many events and tell nobody."""
        drafts = [
            draft(self.workspace_id, message or f"event {self.end + number + 1}", **others) for number in range(count)
        ]
        async with self.database.writing([self.workspace_id]) as connection:
            [receipt] = await append(connection, [Submission(drafts)])
        self.end = receipt.appended[-1].sequence

    async def ring(self) -> None:
        """Ring, and wait until the hub has read all there is."""
        self.hub.heard_log(self.workspace_id, self.end)
        await until(lambda: self.follower is None or self.follower.position == self.end)

    async def write_and_ring(self, count: int = 1) -> None:
        await self.write(count)
        await self.ring()

    @property
    def follower(self) -> Follower | None:
        return self.hub._followers.get(self.workspace_id)

    def cursor(self, sequence: int) -> str:
        return encode_sequence(self.workspace_id, sequence)


class Live:
    """A hub and a feed on databases with gates. Nothing ticks unless `ticking` is entered."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.settings = settings
        self.plain = Database(url, settings)
        self.of_feed = GatedDatabase(url, settings)
        self.of_hub = GatedDatabase(url, settings)
        self.counters = Counters()
        self.hub = Hub(self.of_hub, tick_ms=settings.tick_ms, page_size=settings.feed_page_size, counters=self.counters)
        self.feed = Feed(Shared(self.of_feed, self.hub, settings, utc_now, self.counters))

    async def log(self) -> Log:
        """A new workspace whose one service may read everything in it."""
        workspace_id = await empty_log(self.plain)
        async with self.plain.operating() as connection:
            service = await ensure_service(connection, workspace_id, "reader")
            token = await create_token(connection, ActorKind.SERVICE, workspace_id, service, name="reader")
        parsed = parse_token(token)
        assert parsed is not None
        caller = Caller(Principals(self.of_feed, utc_now), Credentials(parsed), memo=False)
        await caller.load()
        return Log(self.plain, self.hub, workspace_id, caller)

    def at(self, database: GatedDatabase, place: str, number: int, step: Step) -> None:
        """Have this done at the next so-many-th reading."""
        database.steps[place, database.readings + number] = step

    @asynccontextmanager
    async def follow(
        self,
        log: Log,
        wanted: EventFilter = EVERYTHING,
        *,
        after: int | None = None,
        since: datetime | None = None,
    ) -> AsyncIterator["Reader"]:
        start = Start(None if after is None else log.cursor(after), since)
        async with asyncio.timeout(30):
            subscription = await self.feed.follow(log.caller, wanted, start)
        async with aclosing(aiter(subscription)) as deliveries:
            yield Reader(deliveries)
        subscription.close()

    async def close(self) -> None:
        for database in (self.plain, self.of_feed, self.of_hub):
            await database.dispose()


class Reader:
    """Reads a feed, event by event."""

    def __init__(self, deliveries: AsyncGenerator[Delivery]) -> None:
        self._deliveries = deliveries
        self._begun: asyncio.Task[EventRecord] | None = None

    async def begin(self, log: Log) -> None:
        """Have it read all that there is to replay, up to where it waits for what comes; there must be nothing to replay."""
        before = waiting(log)
        self._begun = asyncio.create_task(self._read())
        await until(lambda: waiting(log) == before + 1)

    async def next(self) -> EventRecord:
        async with asyncio.timeout(20):
            if self._begun is not None:
                begun, self._begun = self._begun, None
                return await begun
            return await self._read()

    async def _read(self) -> EventRecord:
        return (await anext(self._deliveries)).event

    async def take(self, count: int) -> list[int]:
        """The sequences of the next so many."""
        return [(await self.next()).sequence for _ in range(count)]

    async def take_to(self, sequence: int) -> list[int]:
        """The sequences of all that comes, up to this one."""
        taken: list[int] = []
        while not taken or taken[-1] < sequence:
            taken.append((await self.next()).sequence)
        return taken


def waiting(log: Log) -> int:
    """How many readers of the log wait for what comes."""
    members = log.follower.members if log.follower is not None else []
    return sum(waits(member) for member in members if isinstance(member, Subscription))


def waits(member: Subscription) -> bool:
    """Whether it has nothing to do but wait, with a reader that waits too."""
    return member.is_live and member._sink is not None and member._sink.is_ready
