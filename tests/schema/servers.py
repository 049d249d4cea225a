"""Servers that several tests share, because they only read, or because what one writes is nothing to the others.

A copy of a template takes 50 ms and a server a little more: too much for each of some hundred tests that change nothing.
"""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.support.clients import Client
from tests.support.serving import UNDER_TEST, RunningServer, running_server
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
        async with (
            running_server(Settings(database_url=url, **{**UNDER_TEST, **settings}), clock) as server,
            Client(server.http) as gql,
        ):
            yield Shared(server, gql, sql, url)
        await sql.close()
        await keeper.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await keeper.close()
