"""Two connections for all, requests of two workspaces mixed, many cancelled wherever they are: nobody gets what is not theirs.

What a transaction said of itself must be gone when the next one gets the connection, however the last one ended. No predicate of ours
covers for it here: PostgreSQL alone keeps the workspaces apart.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeAlias
from uuid import UUID

import asyncpg
import pytest

from resolvers import activity, directory, viewer
from resolvers.context import Context
from resolvers.log import log_activity
from tests.isolation.without_predicates import predicates_down
from tests.support.world import World, engine_context
from trailcast.errors import NotFound
from trailcast.ledger.database import Database
from trailcast.records import EventFilter, EventInput, OrderDirection, Page
from trailcast.settings import Settings

REQUESTS = 10_000
AT_ONCE = 40
CANCELLED_SHARE, STEPS_MAX = 0.2, 30  # of the requests; turns of the event loop before that
WRITTEN_SHARE = 0.02
SEED = 20_261_125
CALLERS = {"acme": ("owner", "bot", "service"), "globex": ("globex_owner", "globex_agent", "globex_service")}
ID = frozenset({"id"})

Request: TypeAlias = Callable[[], Awaitable[set[UUID]]]


class Mixed:
    """Requests of any kind by any caller; each gives the ids that it was shown."""

    def __init__(self, contexts: dict[str, list[Context]], events: dict[str, list[UUID]], chance: Random) -> None:
        self._contexts = contexts
        self._events = events
        self._chance = chance

    def draw(self) -> tuple[str, Request]:
        """A request and whose workspace it is of."""
        home = self._chance.choice(list(self._contexts))
        context = self._chance.choice(self._contexts[home])
        if self._chance.random() < WRITTEN_SHARE:
            return home, lambda: self._log(context)
        reads = (self._list, self._event, self._boards, self._access, self._count)
        return home, lambda: self._chance.choice(reads)(context)

    async def _list(self, context: Context) -> set[UUID]:
        page = await activity.list_events(
            context, EventFilter(), ID, direction=OrderDirection.DESC, first=200, after=None, last=None, before=None
        )  # fmt: skip
        assert isinstance(page, Page)
        return {event.id for event in page.nodes if event.id is not None}

    async def _event(self, context: Context) -> set[UUID]:
        event_id = self._chance.choice(self._events[self._chance.choice(list(self._events))])
        with contextlib.suppress(NotFound):
            event = await activity.get_event(context, str(event_id), ID)
            return {event_id} if event else set()
        return set()

    async def _boards(self, context: Context) -> set[UUID]:
        return {board.id for board in (await directory.boards(context, None, None, None)).nodes}

    async def _access(self, context: Context) -> set[UUID]:
        principal = await viewer.viewer(context)
        return {principal.workspace.id} | {one.board.id for one in await viewer.board_access(context, principal)}

    async def _count(self, context: Context) -> set[UUID]:
        counted = await activity.count(context, EventFilter(), 1000)
        assert counted.is_exact
        return set()

    async def _log(self, context: Context) -> set[UUID]:
        logged = await log_activity(context, EventInput(event_type="a.b"), ID)
        assert logged.event is not None
        return set()  # a new one, which is looked at below


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(
        database_url=database_url, pool_size=2, writer_pool_size=2, access_pool_size=2, pool_timeout_ms=60_000
    )


@pytest.fixture
async def mixed(database: Database, settings: Settings, world: World, owner: asyncpg.Connection) -> Mixed:
    contexts = {
        home: [engine_context(database, settings, world.token(caller)) for caller in callers]
        for home, callers in CALLERS.items()
    }
    events = {home: await ids_of(owner, world, home, "events") for home in contexts}
    return Mixed(contexts, events, Random(SEED))


async def ids_of(owner: asyncpg.Connection, world: World, home: str, *tables: str) -> list[UUID]:
    workspace = UUID(world.acme if home == "acme" else world.globex)
    return [
        row["id"]
        for table in tables
        for row in await owner.fetch(f"SELECT id FROM {table} WHERE workspace_id = $1", workspace)
    ]


async def test_cancelled_or_not_no_request_sees_another_workspace(
    mixed: Mixed, database: Database, world: World, owner: asyncpg.Connection
) -> None:
    shown: dict[str, set[UUID]] = {"acme": set(), "globex": set()}
    ended = {"answered": 0, "cancelled": 0}
    chance = Random(SEED + 1)
    left = iter(range(REQUESTS))

    async def ask_in_turn() -> None:
        for _ in left:
            home, request = mixed.draw()
            asking = asyncio.ensure_future(request())
            if chance.random() < CANCELLED_SHARE:
                for _ in range(chance.randrange(STEPS_MAX)):
                    await asyncio.sleep(0)
                asking.cancel()
            try:
                shown[home] |= await asking
                ended["answered"] += 1
            except asyncio.CancelledError:
                ended["cancelled"] += 1

    with predicates_down(database):
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(ask_in_turn())
    assert sum(ended.values()) == REQUESTS
    assert ended["cancelled"] > REQUESTS * CANCELLED_SHARE / 3, ended
    for home, seen in shown.items():
        theirs = set(await ids_of(owner, world, home, "events", "boards"))
        theirs.add(UUID(world.acme if home == "acme" else world.globex))
        assert seen <= theirs
        assert len(seen) > len(theirs) / 2
