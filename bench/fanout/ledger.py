"""A database for the product's run: a workspace with boards, a task on each, a reader, and an agent that comments.

Written through the engine, in one transaction. Comments are written the way a server writes them, through `Writers` and the
doorbell, but in the publisher's process: the server under test hears of them from PostgreSQL, as of all that other processes write.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from bench.fanout.comments import AGENT_NAME, AGENT_ROLE, Comment, board_name, identity, message, task_title
from resolvers.context import ClientAddress
from resolvers.log import draft_events, named
from trailcast.access.principal import Principal
from trailcast.clock import utc_now
from trailcast.demo.live import Deaf
from trailcast.demo.loading import speak_as
from trailcast.ledger.admin import create_token, create_workspace, ensure_service
from trailcast.ledger.catalogue import COMMENT
from trailcast.ledger.database import Database, driver_url, writing_in
from trailcast.ledger.drafting import check
from trailcast.ledger.group import Writers
from trailcast.ledger.lookup import Found, look_up
from trailcast.ledger.sync import Entry, sync
from trailcast.live.doorbell import Doorbell
from trailcast.live.listener import PostgresBackend
from trailcast.records import ActorKind, EventInput, MembershipRole
from trailcast.settings import Settings

AGENT, READER = UUID(identity("agent", 0)), UUID(identity("reader", 0))


@dataclass(frozen=True, slots=True)
class Place:
    """A filled database, and what one needs to read from it and to write to it."""

    url: str
    boards: int
    reader_token: str
    agent_token: str


async def fill(url: str, boards: int) -> Place:
    """Make the workspace in a migrated database that has none."""
    database = Database(url, Settings(database_url=url))
    try:
        async with database.operating() as connection:
            workspace = await create_workspace(connection, "Fan-out")
            service = await ensure_service(connection, workspace, "bench")
            token = await create_token(connection, ActorKind.SERVICE, workspace, service, name="bench")
            principal = await speak_as(connection, token, utc_now())
            async with writing_in(connection, [workspace]):
                synced = await sync(connection, workspace, principal.actor, _directory(boards))
            if synced.problems:
                raise ValueError(f"the directory is refused: {synced.problems[0]}")
            reader_token = await create_token(connection, ActorKind.USER, workspace, READER, name="bench")
            agent_token = await create_token(connection, ActorKind.AGENT, workspace, AGENT, name="bench")
    finally:
        await database.dispose()
    return Place(url, boards, reader_token, agent_token)


def _directory(boards: int) -> list[Entry]:
    reader = {"id": READER, "name": "Rita", "role": "person", "external_id": "bench|rita"}
    agent = {"id": AGENT, "name": AGENT_NAME, "role": AGENT_ROLE, "board_id": None}
    entries = [Entry("users", 0, reader), Entry("agents", 0, agent)]
    for number in range(boards):
        board, task = UUID(identity("board", number)), UUID(identity("task", number))
        entries.append(Entry("boards", number, {"id": board, "name": board_name(number)}))
        values = {"id": task, "title": task_title(number), "status": "todo", "board_id": board}
        entries.append(Entry("tasks", number, values))
    entries.append(Entry("memberships", 0, {"user_id": READER, "role": MembershipRole.OWNER.value}, {}))
    return entries


class LedgerPublisher:
    """Comments as the agent. A comment counts as published from the moment at which PostgreSQL has acknowledged its commit."""

    def __init__(
        self, place: Place, settings: Settings, principal: Principal, found: Found, database: Database
    ) -> None:
        self._settings = settings
        self._principal = principal
        self._found = found
        self._bell = Doorbell(PostgresBackend(driver_url(place.url)), Deaf())
        self._writers = Writers(database, self._ring, settings)
        self._committed_ns = 0

    async def publish(self, comment: Comment) -> int:
        """Commit it and ring; the time between the two, by CLOCK_MONOTONIC."""
        task = identity("task", comment.board)
        checked = check(EventInput(event_type=COMMENT, task_id=task, message=message(comment.serial)), self._settings)
        drafts, problems = draft_events(self._principal, [checked], self._found, ClientAddress())
        assert not problems, problems
        await self._writers.append(drafts)
        return self._committed_ns

    async def settle(self) -> None:
        await self._writers.close()

    def _ring(self, ends: dict[UUID, int]) -> None:
        self._committed_ns = time.monotonic_ns()
        self._bell.ring(ends)

    @classmethod
    @asynccontextmanager
    async def connected(cls, place: Place) -> AsyncGenerator["LedgerPublisher"]:
        """Ready to publish for as long as the block runs."""
        settings = Settings(database_url=place.url)
        database = Database(place.url, settings)
        try:
            async with database.looking_up() as connection:
                principal = await speak_as(connection, place.agent_token, utc_now())
            async with database.reading(principal.workspace.id) as connection:
                tasks = [
                    EventInput(event_type=COMMENT, task_id=identity("task", n), message="-")
                    for n in range(place.boards)
                ]
                names = named(principal.workspace.id, [check(task, settings) for task in tasks])
                found = (await look_up(connection, [names]))[names.workspace_id]
            publisher = cls(place, settings, principal, found, database)
            async with publisher._bell.connected():
                yield publisher
        finally:
            await database.dispose()
