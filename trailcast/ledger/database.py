"""Connections to PostgreSQL, lent for one operation and no longer. The one place that begins and commits, and that says to
PostgreSQL which workspaces a transaction is about.

Row-level security shows a transaction the rows of those workspaces and of no other, whatever its statements ask for; where none
was said, it shows nothing. For a write that is said with its beginning and ends with it; reading connections are told when they are
to show another workspace than before (`trailcast.ledger.lanes`). Each kind of work has a pool and a role of its own
(`trailcast.ledger.roles`): none can starve another, and PostgreSQL itself refuses a write on a reading connection. A connection that
fails, times out or cannot be had ends as `Unavailable` (`trailcast.ledger.trouble`); no error of the driver leaves this module for any
other reason than a defect.
"""

import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from trailcast.errors import ConfigurationError, Unavailable
from trailcast.ledger.lanes import About, Lanes, Plan, driver_of
from trailcast.ledger.roles import ACCESS, OPERATOR, READER, READER_SCHEMA, WORKSPACES, WRITER, require_walls
from trailcast.ledger.trouble import Watch
from trailcast.settings import Settings

logger = logging.getLogger(__name__)

READING = {
    # For a writer it is the database's word that counts: whoever made it read-only had a reason.
    "default_transaction_read_only": "on",
    # Counting a frequent word the planner would take any event as good as the next, and read the table from its beginning: through
    # all that other workspaces have there. What is read here has an index.
    "enable_seqscan": "off",
    # A page that lies elsewhere costs hardly more than the next one, in memory and on a solid-state disk. Told 4, its default,
    # PostgreSQL reads all that an index finds in the order of the table, where the first 2,000 were asked for.
    "random_page_cost": "1.1",
    # What a word's trigrams find in ten million messages. In less, PostgreSQL remembers whole pages of the table instead of events,
    # and compares everything that is on them: four times as long.
    "work_mem": "16MB",
}
ANSWER_GRACE_S = 0.5  # beyond the longest statement, for PostgreSQL to say so itself


def dumps(value: object) -> str:
    """JSON as it is stored."""
    return orjson.dumps(value).decode()


def async_url(url: str) -> str:
    """The same database through asyncpg, whichever PostgreSQL scheme the setting was written with."""
    return _spelled(url, "postgresql+asyncpg", tls="ssl")


def driver_url(url: str) -> str:
    """The same database for asyncpg itself, which knows no dialects."""
    return _spelled(url, "postgresql", tls="sslmode")


def _spelled(url: str, scheme: str, *, tls: str) -> str:
    """The URL as its reader spells it: `sslmode` is libpq's and asyncpg's word, which SQLAlchemy would hand on as an argument."""
    parsed = make_url(url).set(drivername=scheme)
    mode = parsed.query.get("sslmode", parsed.query.get("ssl"))
    if mode is not None:
        parsed = parsed.difference_update_query(["sslmode", "ssl"]).update_query_dict({tls: mode})
    return parsed.render_as_string(hide_password=False)


class Database:
    """The pools of one process. Make one per event loop; `dispose()` it at the end."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.url = async_url(url)
        self._settings = settings
        self._watch = Watch()
        self._in_doubt = False
        self.reader = self._engine(settings.pool_size, READER)
        self.writer = self._engine(settings.writer_pool_size, WRITER)
        self.access = self._engine(settings.access_pool_size, ACCESS)
        self.lanes = Lanes(self.reader, settings.pool_size, settings.pool_timeout_ms / 1000)

    @property
    def engines(self) -> tuple[AsyncEngine, ...]:
        """One per pool."""
        return self.reader, self.writer, self.access

    def _engine(self, size: int, role: str) -> AsyncEngine:
        settings = self._settings
        engine = create_async_engine(
            self.url,
            # Transactions are begun here, together with what they are about, in one message; SQLAlchemy would take two.
            isolation_level="AUTOCOMMIT",
            pool_size=size,
            max_overflow=0,
            hide_parameters=True,  # else the values of a statement that failed would stand in the log
            pool_timeout=settings.pool_timeout_ms / 1000,
            json_serializer=dumps,
            json_deserializer=orjson.loads,
            connect_args={
                "timeout": settings.pool_timeout_ms / 1000,
                "command_timeout": settings.statement_timeout_ms / 1000 + ANSWER_GRACE_S,
                "server_settings": {
                    "application_name": "trailcast",
                    "role": role,
                    "search_path": f"{READER_SCHEMA}, public" if role == READER else "public",
                    "timezone": "UTC",
                    **(READING if role == READER else {}),
                    "statement_timeout": str(settings.statement_timeout_ms),
                    "lock_timeout": str(settings.lock_timeout_ms),
                    # A writer that hangs between two statements would hold the head of its workspace.
                    "idle_in_transaction_session_timeout": str(settings.statement_timeout_ms),
                },
            },
        )
        return self._watch.over(engine)

    @asynccontextmanager
    async def reading(self, workspace_id: UUID | None) -> AsyncGenerator[AsyncConnection]:
        """A connection that shows this workspace, or none; each statement is its own snapshot. Raises Unavailable."""
        await self._stand()
        with self._watch.translated(writes=False):
            async with self.lanes.lend(About("" if workspace_id is None else str(workspace_id))) as lane:
                yield lane.connection

    async def fetch(
        self, workspace_id: UUID, text: str, values: Sequence[Any], plan: Plan = Plan.AS_IT_LIKES
    ) -> list[asyncpg.Record]:
        """The rows of one statement that is run again and again, on a connection that shows this workspace. Raises Unavailable.

        What listens to the statements of the reading engine hears of these too.
        """
        if self._in_doubt:
            await self._stand()
        heard = self.reader.sync_engine.dispatch.before_cursor_execute
        for listen in heard:
            text, values = listen(None, None, text, values, None, False) or (text, values)
        with self._watch.translated(writes=False):
            async with self.lanes.lend(About(str(workspace_id), plan)) as lane:
                return await lane.fetch(text, values)

    @asynccontextmanager
    async def writing(self, workspace_ids: Iterable[UUID]) -> AsyncGenerator[AsyncConnection]:
        """A transaction in these workspaces, committed at the end of the block and rolled back by any exception. Raises
        Unavailable."""
        await self._stand()
        with self._watch.translated(writes=True):
            async with self.writer.connect() as connection, _transaction(connection, _about(workspace_ids)):
                yield connection

    @asynccontextmanager
    async def operating(self) -> AsyncGenerator[AsyncConnection]:
        """As `writing`, for the operator, who makes workspaces and tokens, in all of them, and sees no event. Raises Unavailable."""
        with self._watch.translated(writes=True):
            async with self.writer.connect() as connection, _transaction(connection, f"SET LOCAL ROLE {OPERATOR}"):
                yield connection

    @asynccontextmanager
    async def looking_up(self) -> AsyncGenerator[AsyncConnection]:
        """A connection for who calls and what has moved, in all workspaces; it shows no event. Each statement commits by itself.
        Raises Unavailable."""
        with self._watch.translated(writes=False):
            async with self.access.connect() as connection:
                yield connection

    async def check_walls(self) -> None:
        """Look whether PostgreSQL keeps workspaces apart. If it is away, nothing is read or written before it has been looked at.

        Raises ConfigurationError, Unavailable.
        """
        self._in_doubt = True
        async with self.looking_up() as connection:
            await require_walls(connection)
        self._in_doubt = False

    async def _stand(self) -> None:
        if self._in_doubt:
            try:
                await self.check_walls()
            except ConfigurationError as error:
                logger.critical("nothing is read or written: %s", error)
                raise Unavailable from error

    async def ping(self) -> None:
        """One round trip. Raises Unavailable."""
        async with self.looking_up() as connection:
            await connection.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close all pools."""
        await self.lanes.close()
        for engine in self.engines:
            await engine.dispose()


@asynccontextmanager
async def writing_in(connection: AsyncConnection, workspace_ids: Iterable[UUID]) -> AsyncGenerator[None]:
    """A part of an operator's transaction in which it writes like any other writer, in these workspaces."""
    driver = driver_of(connection)
    await driver.execute(f"SET LOCAL ROLE {WRITER}; {_about(workspace_ids)}")
    yield
    await driver.execute(f"SET LOCAL ROLE {OPERATOR}; {_about([])}")


@asynccontextmanager
async def _transaction(connection: AsyncConnection, about: str) -> AsyncGenerator[None]:
    driver = driver_of(connection)
    try:
        # One message, and no parameters in it: what it is made of are UUIDs and names of ours.
        await driver.execute(f"BEGIN; {about}")
        yield
        await driver.execute("COMMIT")
    except Exception as error:
        # Of a PostgreSQL that did not answer, the answer to a ROLLBACK would be waited for as long again.
        if isinstance(error, TimeoutError) or not await _rolled_back(driver):
            await connection.invalidate()
        raise
    except BaseException:
        # Cancelled, perhaps in the middle of a statement. The connection is given up rather than waited for; PostgreSQL rolls back.
        await connection.invalidate()
        raise


async def _rolled_back(driver: asyncpg.Connection) -> bool:
    try:
        if driver.is_in_transaction():
            await driver.execute("ROLLBACK")
    except Exception:  # noqa: BLE001 - what went wrong first is what the caller is told
        return False
    return not driver.is_closed()


def _about(workspace_ids: Iterable[UUID]) -> str:
    """The setting that the policies of `migrations/` compare rows with."""
    return f"SET LOCAL {WORKSPACES} = '{','.join(str(UUID(str(one))) for one in workspace_ids)}'"
