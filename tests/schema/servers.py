"""Servers that several tests share, because they only read, or because what one writes is nothing to the others.

A copy of a template takes 50 ms and a server a little more: too much for each of some hundred tests that change nothing.
"""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.conftest import PATIENCE_S
from tests.support.clients import Client
from tests.support.serving import RunningServer, running_server
from trailcast.clock import Clock, utc_now
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.database import driver_url
from trailcast.settings import Settings

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Shared:
    """A server, a client of it, and a connection to its database as the owner of the tables."""

    server: RunningServer
    gql: Client
    sql: asyncpg.Connection
    url: str


@asynccontextmanager
async def shared_server(
    postgres: EmbeddedPostgres, template: str, clock: Clock = utc_now, **settings: Any
) -> AsyncGenerator[Shared]:
    """A server on a copy of the template, which is dropped at the end."""
    name = f"shared_{next(_numbers)}"
    keeper = await asyncpg.connect(driver_url(postgres.url()))
    try:
        await keeper.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        url = driver_url(postgres.url(name))
        sql = await asyncpg.connect(url)
        # All tests call from one address, and many fail to sign in. Statements are counted: none is to come by itself meanwhile.
        given = {
            "port": 0, "tick_ms": 200, "sign_in_failures_max": 1_000_000, "sign_in_cache_ms": 0, "rollup_tick_s": 3600,
            "pool_timeout_ms": PATIENCE_S * 1000, "statement_timeout_ms": PATIENCE_S * 1000, **settings,
        }  # fmt: skip
        async with (
            running_server(Settings(database_url=url, **given), clock) as server,
            Client(server.http) as gql,
        ):
            yield Shared(server, gql, sql, url)
        await sql.close()
        await keeper.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await keeper.close()
