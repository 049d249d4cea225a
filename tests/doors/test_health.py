"""The probes: what they say while all is well, while a migration is pending, while the database is away."""

import asyncpg
import httpx

from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from trailcast.ledger.database import driver_url
from trailcast.ledger.migrating import newest_revision
from trailcast.settings import Settings


async def _get(server: RunningServer, path: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(server.http.removesuffix("/graphql") + path)


async def test_live_and_ready_while_all_is_well(server: RunningServer) -> None:
    assert (await _get(server, "/livez")).json() == {"status": "ok"}
    await until(lambda: server.services.bell.is_listening)
    response = await _get(server, "/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "checks": {"lifecycle": "ok", "database": "ok", "migrations": "ok", "doorbell": "ok"},
    }


async def test_not_ready_while_a_migration_is_pending(server: RunningServer, database_url: str) -> None:
    connection = await asyncpg.connect(driver_url(database_url))
    await connection.execute("UPDATE alembic_version SET version_num = '0000'")
    await connection.close()
    response = await _get(server, "/readyz")
    assert response.status_code == 503
    said = f"the database is at 0000, this version needs {newest_revision()}: run migrate"
    assert response.json()["checks"]["migrations"] == said


async def test_alive_but_not_ready_while_the_database_is_away(settings: Settings, postgres: object) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:9/none"})
    async with running_server(away) as server:
        assert (await _get(server, "/livez")).status_code == 200
        response = await _get(server, "/readyz")
        assert response.status_code == 503
        assert response.json()["checks"]["database"] == "The log cannot be reached right now: try again in a moment."
        assert response.json()["checks"]["doorbell"] == "PostgreSQL's is not connected; feeds go by the tick"
