"""The probes: what they say while all is well, while a migration is pending, while the database is away."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest

from tests.support.clients import Statements
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from trailcast.ledger import condition
from trailcast.ledger.database import driver_url
from trailcast.ledger.revisions import newest_revision
from trailcast.settings import Settings

NEEDED = f"this version needs {newest_revision()}"


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
        "checks": dict.fromkeys(("lifecycle", "database", "migrations", "roles", "writes", "doorbell"), "ok"),
    }


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", 503, f"the database is at 0000, {NEEDED}: run migrate"),
        ("DROP TABLE alembic_version", 503, f"the database was never migrated, {NEEDED}: run migrate"),
        (
            "UPDATE alembic_version SET version_num = '9999'",
            200,
            f"the database is at 9999, which is newer than this version ({newest_revision()}): finish the upgrade",
        ),
    ],
    ids=["a migration is pending", "never migrated", "an upgrade is under way"],
)
async def test_a_database_at_another_revision_is_told(
    server: RunningServer, database_url: str, change: str, status: int, said: str
) -> None:
    connection = await asyncpg.connect(driver_url(database_url))
    await connection.execute(change)
    await connection.close()
    response = await _get(server, "/readyz")
    assert (response.status_code, response.json()["status"]) == (status, "degraded" if status == 200 else "unavailable")
    assert response.json()["checks"]["database"] == "ok"
    assert response.json()["checks"]["migrations"] == said


async def test_alive_but_not_ready_while_the_database_is_away(settings: Settings, postgres: object) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:9/none"})
    async with running_server(away) as server:
        assert (await _get(server, "/livez")).status_code == 200
        response = await _get(server, "/readyz")
        assert response.status_code == 503
        assert response.json() == {
            "status": "unavailable",
            "checks": {
                "lifecycle": "ok",
                "database": "PostgreSQL cannot be reached",
                "migrations": "unknown",
                "roles": "unknown",
                "writes": "PostgreSQL cannot be reached",
                "doorbell": "PostgreSQL's is not connected; feeds go by the tick",
            },
        }


async def test_a_pool_without_a_free_connection_is_told_without_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(condition, "KEPT_S", 0.0)
    async with running_server(settings.model_copy(update={"pool_size": 1, "writer_pool_size": 1})) as server:

        async def ready() -> tuple[int, str, str, str]:
            response = await _get(server, "/readyz")
            checks = response.json()["checks"]
            return response.status_code, checks["database"], checks["migrations"], checks["writes"]

        async with server.database.writing([]):
            assert await ready() == (200, "ok", "ok", "no free connection")
            async with server.database.reading(None):
                assert await ready() == (503, "no free connection", "unknown", "no free connection")
        await until(lambda: _is(ready, (200, "ok", "ok", "ok")))


async def test_however_many_ask_the_database_is_asked_once(server: RunningServer, statements: Statements) -> None:
    responses = await asyncio.gather(*(_get(server, "/readyz") for _ in range(20)))
    assert {response.status_code for response in responses} == {200}
    assert len(statements.of("alembic_version")) == 1
    assert sum("pg_is_in_recovery" in text for text in statements.texts) == 1


async def _is(ask: Callable[[], Awaitable[object]], wanted: object) -> bool:
    return await ask() == wanted
