"""A PostgreSQL that lets nobody in: callers get UNAVAILABLE and nothing of the reason; /readyz and the log have it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url

from tests.faults.ailing import PARAMETERS, Scene, readiness
from tests.support.clients import Client
from tests.support.serving import running_server
from trailcast.ledger.database import driver_url

READ = "{ viewer { role } }"
UNAVAILABLE = {
    "errors": [
        {
            "message": "The log cannot be reached right now: try again in a moment.",
            "extensions": {"code": "UNAVAILABLE"},
        }
    ]
}


@pytest.mark.parametrize(
    ("wrong", "reason", "state"),
    [
        ({"username": "nobody_here"}, "PostgreSQL refuses the sign-in", "28000"),
        ({"database": "nowhere"}, "there is no such database", "3D000"),
        ({}, "PostgreSQL has no connection left", "53300"),
    ],
    ids=["a wrong user", "a wrong database", "all connections are taken"],
)
async def test_the_reason_is_for_the_operator_alone(
    scene: Scene, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any], reason: str, state: str
) -> None:
    url = make_url(scene.ailing.url).set(**wrong).render_as_string()
    settings = scene.settings.model_copy(update={"database_url": url})
    async with taken(scene, 0 if wrong else int(PARAMETERS["max_connections"])), running_server(settings) as server:
        async with Client(server.http) as gql:
            assert await gql(READ, token=scene.world.token("owner")) == UNAVAILABLE
            assert gql.last.status_code == 503
        status, said, checks = await readiness(server)
        assert (status, said) == (503, "unavailable")
        assert (checks["database"], checks["migrations"], checks["writes"]) == (reason, "unknown", reason)
        assert len([line for line in caplog.messages if line.startswith(f"{reason} ({state}): ")]) == 1


@asynccontextmanager
async def taken(scene: Scene, connections: int) -> AsyncIterator[None]:
    """While the block runs, so many connections are in use, or as many as there are."""
    async with AsyncExitStack() as stack:
        for _ in range(connections):
            try:
                connection = await asyncpg.connect(driver_url(scene.ailing.url))
            except asyncpg.TooManyConnectionsError:
                break
            stack.push_async_callback(connection.close)
        yield
