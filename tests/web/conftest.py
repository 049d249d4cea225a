"""One database, one server and one browser for all tests of the pages. Acme's log is long enough to be paged through."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from tests.conftest import TEMPLATE
from tests.support.world import World, identity
from tests.web.browser import Browser
from tests.web.site import Server
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.database import driver_url

DATABASE = "test_web"
SECRET = "a secret of the tests, thirty-two bytes long at least"
JWT = {
    "TRAILCAST_JWT_SECRET": SECRET,
    "TRAILCAST_JWT_ISSUER": "https://id.example",
    "TRAILCAST_JWT_AUDIENCE": "trailcast",
}
EVENTS = 600


async def _copy(postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(driver_url(postgres.url()))
    try:
        await connection.execute(f'CREATE DATABASE "{DATABASE}" TEMPLATE "{TEMPLATE}" STRATEGY FILE_COPY')
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def web_database(postgres: EmbeddedPostgres, templates: World) -> str:
    asyncio.run(_copy(postgres))
    return postgres.url(DATABASE)


@pytest.fixture(scope="session")
def served(web_database: str, templates: World) -> Iterator[Server]:
    """The server whose pages are tested."""
    server = Server(web_database, **JWT)
    server.start()
    board = identity("gamma")
    filling = [
        {"eventType": "task.updated", "boardId": board, "message": f"filling {number}"} for number in range(EVENTS)
    ]
    server.log(templates.token("service"), *filling)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def browser(served: Server) -> Iterator[Browser]:
    with Browser(served.origin) as running:
        yield running
