"""A generated database that is ready to be asked: its ids, fresh tokens, and where the deep page begins."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from bench.growth import shape
from bench.growth.generating import Say, generate, trim
from bench.growth.shape import Log
from trailcast.ledger.admin import create_token
from trailcast.ledger.database import Database, driver_url
from trailcast.ledger.migrating import migrate
from trailcast.ledger.rollups import roll_up_all
from trailcast.records import ActorKind
from trailcast.settings import Settings

SHAPE_VERSION = 1  # a kept database of another one is made anew
PAGE, DEEP_PAGE = 50, 2000
METRICS_DAYS = 7
WRITTEN_TASKS = 20  # that the writes go round
W1_BOARD, WRITE_BOARD = 1, 2
ROLLED_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """What the workloads are made of. `deep` is the sequence that page 2,000 of the member begins after."""

    url: str
    log: Log
    tokens: dict[str, str]
    deep: int
    deep_page: int
    since: datetime
    until: datetime

    @property
    def board(self) -> UUID:
        """The busiest."""
        return self.log.id_of("board", W1_BOARD)

    @property
    def trail_task(self) -> UUID:
        return self.log.task_id(shape.TRAIL_BOARD, shape.TRAIL_TASK)

    @property
    def agent(self) -> UUID:
        """One in the middle, neither busy nor quiet."""
        return self.log.id_of("agent", self.log.agents // 3)

    @property
    def member(self) -> UUID:
        return self.log.id_of("user", shape.MEMBER)

    @property
    def member_boards(self) -> list[UUID]:
        return [self.log.id_of("board", number) for number in shape.granted(self.log)]

    @property
    def writer(self) -> UUID:
        return self.log.id_of("agent", shape.WRITER)

    def written_task(self, number: int) -> UUID:
        tasks = self.log.tasks_by_board[WRITE_BOARD - 1]
        return self.log.task_id(WRITE_BOARD, 1 + number % min(WRITTEN_TASKS, tasks))


async def make_database(url_of: Callable[[str], str], events: int, say: Say) -> str:
    """The URL of a database with so many events, made unless it is there."""
    name = f"growth_{events}"
    mark = f"{events} events, shape {SHAPE_VERSION}"
    server = await asyncpg.connect(driver_url(url_of("postgres")))
    try:
        found = await server.fetchval(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1", name
        )
        if found == mark:
            return url_of(name)
        await server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        await server.execute(f'CREATE DATABASE "{name}"')
        await fill(url_of(name), events, say)
        await server.execute(f"COMMENT ON DATABASE \"{name}\" IS '{mark}'")
        return url_of(name)
    finally:
        await server.close()


async def fill(url: str, events: int, say: Say) -> None:
    """Migrate and generate."""
    await migrate(url)
    connection = await asyncpg.connect(driver_url(url))
    try:
        await generate(connection, events, say)
    finally:
        await connection.close()


async def open_place(url: str, events: int) -> Place:
    """Ready to be asked, and as large as it was made."""
    await migrate(url)  # one that was kept may be of an earlier version
    log = shape.logs(events)[0]
    connection = await asyncpg.connect(driver_url(url))
    try:
        await trim(connection, events)
        await _roll_up(url)
        await connection.execute("VACUUM ANALYZE rollups, rollup_marks")
        until: datetime = await connection.fetchval(
            "SELECT last_created_at FROM heads WHERE workspace_id = $1", log.workspace_id
        )
        deep, page = await _find_deep(connection, log)
    finally:
        await connection.close()
    since = until - timedelta(days=METRICS_DAYS)
    return Place(url, log, await _make_tokens(url, log), deep, page, since, until)


async def _roll_up(url: str) -> None:
    """Count beforehand what a server would count in time, so that none is at it while something is measured."""
    database = Database(url, Settings(database_url=url, statement_timeout_ms=600_000))
    try:
        await roll_up_all(database, ROLLED_AT_ONCE)
    finally:
        await database.dispose()


async def _find_deep(connection: asyncpg.Connection, log: Log) -> tuple[int, int]:
    """After which sequence the member's page 2,000 begins, or the middle page of a log that has not so many; and which it is."""
    boards = [log.id_of("board", number) for number in shape.granted(log)]
    asked = (log.workspace_id, boards, log.id_of("user", shape.MEMBER))
    seen = "FROM events WHERE workspace_id = $1 AND (board_id = ANY ($2) OR user_id = $3)"
    total = await connection.fetchval(f"SELECT count(*) {seen}", *asked)
    page = min(DEEP_PAGE, total // PAGE // 2)
    query = f"SELECT sequence {seen} ORDER BY sequence DESC OFFSET $4 LIMIT 1"
    return await connection.fetchval(query, *asked, (page - 1) * PAGE - 1), page


async def _make_tokens(url: str, log: Log) -> dict[str, str]:
    engine = create_async_engine(url)
    subjects = (
        ("owner", ActorKind.USER, log.id_of("user", shape.OWNER)),
        ("member", ActorKind.USER, log.id_of("user", shape.MEMBER)),
        ("writer", ActorKind.AGENT, log.id_of("agent", shape.WRITER)),
    )
    try:
        async with engine.begin() as connection:
            return {
                name: await create_token(connection, kind, log.workspace_id, subject, name="growth")
                for name, kind, subject in subjects
            }
    finally:
        await engine.dispose()
