"""The doorbell over PostgreSQL's NOTIFY, on connections of its own.

broadcaster's own backend for it loses its subscribers when its one connection dies, and fails when two publish at once: asyncpg does
one thing at a time on a connection, hence the lock. Limits of NOTIFY: 7,999 bytes in a message, no PgBouncer in transaction mode.
"""

import asyncio
import contextlib

import asyncpg

from trailcast.live.counters import Counters
from trailcast.live.listener.bell import Bell, Heard, Line, Lost, Pause

CLOSE_TIMEOUT_S = 0.5


class PostgresBackend(Bell):
    """Takes a URL as asyncpg reads it."""

    owner = "PostgreSQL"

    def __init__(
        self, url: str, counters: Counters | None = None, *, rings: bool = True, pause: Pause = asyncio.sleep
    ) -> None:
        super().__init__(counters, rings=rings, pause=pause)
        self._url = url

    def _line(self, heard: Heard, lost: Lost) -> Line:
        return _PostgresLine(self._url, heard, lost)


class _PostgresLine:
    _connection: asyncpg.Connection
    _is_open = False

    def __init__(self, url: str, heard: Heard, lost: Lost) -> None:
        self._url = url
        self._heard = heard
        self._lost = lost
        self._using = asyncio.Lock()

    async def open(self) -> None:
        self._connection = await asyncpg.connect(self._url, server_settings={"application_name": "trailcast-doorbell"})
        self._is_open = True
        self._connection.add_termination_listener(lambda _connection: self._lost())

    async def join(self, channel: str) -> None:
        async with self._using:
            await self._connection.add_listener(channel, self._hear)

    async def leave(self, channel: str) -> None:
        async with self._using:
            await self._connection.remove_listener(channel, self._hear)

    async def publish(self, channel: str, message: str) -> None:
        async with self._using:
            await self._connection.execute("SELECT pg_notify($1, $2)", channel, message)

    async def check(self) -> None:
        async with self._using:
            await self._connection.execute("SELECT 1")

    async def close(self) -> None:
        if not self._is_open:
            return
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            await self._connection.close(timeout=CLOSE_TIMEOUT_S)

    def _hear(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._heard(channel, str(payload))
