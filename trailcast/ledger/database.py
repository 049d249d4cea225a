"""Connections to PostgreSQL, lent for one operation and no longer: `reading()` and `writing()`. The one place that commits.

Reads and writes have a pool each, so that neither can starve the other, and the server itself refuses a write on a reading
connection. A read is one statement and therefore needs no transaction around it (two round trips saved). Every connection
works under the role `trailcast_app`, which may not change or remove an event. A connection that fails, times out or cannot be
had ends as `Unavailable`; no error of the driver leaves this module for any other reason than a defect.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import orjson
from sqlalchemy import exc, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from trailcast.errors import Unavailable
from trailcast.settings import Settings

APPLICATION_ROLE = "trailcast_app"
# SQLSTATE classes of trouble that is not the statement's fault: connection, resources, operator intervention, cancelled.
TRANSIENT_SQLSTATES = ("08", "53", "57", "55P03", "25006")


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
        self.reader = self._engine(settings.pool_size, read_only=True)
        self.writer = self._engine(settings.writer_pool_size, read_only=False)

    def _engine(self, size: int, *, read_only: bool) -> AsyncEngine:
        settings = self._settings
        return create_async_engine(
            self.url,
            isolation_level="AUTOCOMMIT" if read_only else "READ COMMITTED",
            pool_size=size,
            max_overflow=0,
            pool_timeout=settings.pool_timeout_ms / 1000,
            json_serializer=dumps,
            json_deserializer=orjson.loads,
            connect_args={
                "timeout": settings.pool_timeout_ms / 1000,
                "server_settings": {
                    "application_name": "trailcast",
                    "role": APPLICATION_ROLE,
                    "timezone": "UTC",
                    "default_transaction_read_only": "on" if read_only else "off",
                    "statement_timeout": str(settings.statement_timeout_ms),
                    "lock_timeout": str(settings.lock_timeout_ms),
                    # A writer that hangs between two statements would hold the head of its workspace.
                    "idle_in_transaction_session_timeout": str(settings.statement_timeout_ms),
                },
            },
        )

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A connection for reads, each statement its own snapshot. Raises Unavailable."""
        with _translated():
            async with self.reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction, committed at the end of the block and rolled back by any exception. Raises Unavailable."""
        with _translated():
            async with self.writer.begin() as connection:
                yield connection

    async def ping(self) -> None:
        """One round trip. Raises Unavailable."""
        async with self.reading() as connection:
            await connection.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close both pools."""
        await self.reader.dispose()
        await self.writer.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if error.connection_invalidated or state.startswith(TRANSIENT_SQLSTATES):
            raise Unavailable from error
        raise
    # The last is the driver's word for a connection that died between two steps of one statement; SQLAlchemy hands it on as it is.
    except (exc.TimeoutError, exc.InterfaceError, OSError, TimeoutError, asyncpg.InternalClientError) as error:
        raise Unavailable from error
