"""Proof of no effect: what a database holds before and after, and whether the doorbell rang in between."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from tests.support.serving import RunningServer
from tests.support.waiting import until
from trailcast.ledger.database import driver_url

CHANNEL = "trailcast"
NO_WORKSPACE = UUID(int=0)
WRITTEN_TABLES = (
    "heads",
    "memberships",
    "board_grants",
    "projects",
    "boards",
    "users",
    "agents",
    "services",
    "tasks",
    "workspaces",
)


async def contents(sql: asyncpg.Connection) -> dict[str, str]:
    """A fingerprint of every table that a call could write: rows of the log by number, all others by content."""
    parts = [
        f"(SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} AS t) AS {table}"
        for table in WRITTEN_TABLES
    ]
    row = await sql.fetchrow(f"SELECT (SELECT count(*)::text FROM events) AS events, {', '.join(parts)}")
    assert row is not None
    return dict(row)


@asynccontextmanager
async def connected(server: RunningServer) -> AsyncGenerator[asyncpg.Connection]:
    """A connection to the server's database as the owner of the tables, past the engine."""
    connection = await asyncpg.connect(driver_url(server.database.url))
    try:
        yield connection
    finally:
        await connection.close()


@dataclass
class Bell:
    """What was rung since it was last asked."""

    sql: asyncpg.Connection
    heard: list[str] = field(default_factory=list)
    _marks: int = 0

    async def rung(self, at_least: int = 0) -> list[str]:
        """The messages up to now, waiting for as many as are due. A mark of our own goes after them, in the order of commits."""
        await until(lambda: len(self.heard) >= at_least)
        # A ring that was begun before we were answered is one round trip away; ours takes two.
        await self.sql.execute("SELECT 1")
        self._marks += 1
        mark = f"mark {self._marks}"
        await self.sql.execute("SELECT pg_notify($1, $2)", CHANNEL, mark)
        await until(lambda: mark in self.heard)
        place = self.heard.index(mark)
        messages, self.heard[: place + 1] = self.heard[:place], []
        return messages

    async def forget(self, server: RunningServer) -> None:
        """Whatever was written before is not heard of later. The server rings one after the other: this one comes last."""
        server.services.bell.ring({NO_WORKSPACE: 0})
        await until(lambda: any(str(NO_WORKSPACE) in line for line in self.heard))
        await self.rung()


@asynccontextmanager
async def listening(url: str) -> AsyncGenerator[Bell]:
    """A second ear at the doorbell."""
    connection = await asyncpg.connect(url)
    bell = Bell(connection)
    try:
        await connection.add_listener(
            CHANNEL, lambda _connection, _pid, _channel, payload: bell.heard.append(str(payload))
        )
        yield bell
    finally:
        await connection.close()
