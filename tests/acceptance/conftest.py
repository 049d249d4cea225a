"""What acceptance tests share: server processes on the test's database, and Acme, whose log they serve."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from tests.acceptance.acme import Acme
from tests.acceptance.processes import ServerProcess
from tests.ledger.conftest import owner
from tests.ledger.drafts import last_sequence
from tests.support.world import World

__all__ = ["owner"]

Serve = Callable[..., Awaitable[ServerProcess]]


@pytest.fixture
async def serve(database_url: str) -> AsyncIterator[Serve]:
    """Starts servers on the test's database; settings are given by their names in the environment."""
    servers: list[ServerProcess] = []

    async def start(**environment: str) -> ServerProcess:
        server = ServerProcess(database_url, **environment)
        servers.append(server)
        await server.start()
        return server

    yield start
    for server in servers:
        await server.kill()


@pytest.fixture
async def acme(owner: asyncpg.Connection, world: World) -> Acme:
    return Acme(world, await last_sequence(owner, world.acme))
