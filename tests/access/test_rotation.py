"""Rotation: a new token like the old one, which counts until the overlap is over and ends then, also where it is in use."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.access.closing import FORBIDDEN, Ending, ending
from tests.access.effects import connected
from tests.access.provider import Clock
from tests.access.test_credentials import parsed
from tests.live.sockets import until_waiting
from tests.support.clients import RECEIVE_TIMEOUT_S, Client, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.world import World
from trailcast.errors import NotFound
from trailcast.ledger.admin import Rotated, revoke_token, rotate_token
from trailcast.settings import Settings

WHO = "{ viewer { actor { name } } }"
STREAM = "subscription { activityLogged { message } }"
OVERLAP = timedelta(milliseconds=300)
NAMES = {"member": "Mia", "bot": "Bot", "service": "service"}


@pytest.fixture
def clock() -> Clock:
    """It stands: what ends while it stands ends by a timer, and by no look-up."""
    return Clock()


@pytest.fixture
async def server(settings: Settings, clock: Clock) -> AsyncIterator[RunningServer]:
    async with running_server(settings, clock) as running:
        yield running


@pytest.fixture
async def sql(server: RunningServer) -> AsyncIterator[asyncpg.Connection]:
    async with connected(server) as connection:
        yield connection


async def rotate(server: RunningServer, token: str, overlap: timedelta, now: datetime) -> Rotated:
    async with server.database.operating() as connection:
        return await rotate_token(connection, parsed(token).public_id, overlap, now)


@pytest.mark.parametrize("caller", NAMES)
async def test_what_runs_by_the_old_token_ends_with_the_overlap_and_the_new_one_goes_on(
    server: RunningServer, gql: Client, world: World, clock: Clock, caller: str
) -> None:
    old = world.token(caller)
    async with open_socket(server.ws, old) as socket, open_socket(server.ws, old) as idle:
        await socket.subscribe(STREAM)
        await until_waiting(server, 1)
        made = await rotate(server, old, OVERLAP, clock.now)
        assert (made.expires_at, made.old_expires_at) == (None, clock.now + OVERLAP)
        # For as long as it is, both count, also for new sockets.
        assert [await gql.data(WHO, token=token) for token in (old, made.text)] == [
            {"viewer": {"actor": {"name": NAMES[caller]}}}
        ] * 2
        end = await ending(socket)
        assert (end.code, end.reason) == FORBIDDEN
        assert not [frame for frame in end.frames if '"data":{' in frame]
        # One that runs nothing hears of it with its next operation.
        await idle.subscribe(WHO)
        assert (await idle.next()) == {"data": {"viewer": {"actor": {"name": NAMES[caller]}}}}
        assert (await ending(idle)).code == 4403
    async with open_socket(server.ws, made.text) as socket:
        clock.now += timedelta(days=1000)
        await socket.subscribe(WHO)
        assert "errors" not in await socket.next()
    assert await gql.codes(WHO, token=old) == ["UNAUTHENTICATED"]


async def test_event_stream_by_the_old_token_ends_with_the_overlap(
    server: RunningServer, gql: Client, world: World, clock: Clock
) -> None:
    headers = {"authorization": f"Bearer {world.token('member')}", "accept": "text/event-stream"}
    reading = asyncio.create_task(gql._http.post(server.http, json={"query": STREAM}, headers=headers))
    await until_waiting(server, 1)
    await rotate(server, world.token("member"), OVERLAP, clock.now)
    async with asyncio.timeout(RECEIVE_TIMEOUT_S):
        response = await reading
    assert "The credential of this feed has expired." in response.text
    assert response.text.endswith("event: complete\ndata:\n\n")


async def test_no_overlap_ends_the_old_token_at_once(
    server: RunningServer, gql: Client, world: World, clock: Clock
) -> None:
    async with open_socket(server.ws, world.token("bot")) as socket:
        await socket.subscribe(STREAM)
        await until_waiting(server, 1)
        await rotate(server, world.token("bot"), timedelta(0), clock.now)
        assert (await socket.next())["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert await gql.codes(WHO, token=world.token("bot")) == ["UNAUTHENTICATED"]
    async with open_socket(server.ws) as socket:
        await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {world.token('bot')}"}})
        assert await ending(socket) == Ending([], *FORBIDDEN)


@pytest.mark.parametrize(
    ("lifetime", "age", "overlap", "left"),
    [
        (None, 100, 24, 24),
        (90 * 24, 100, 24, 24),
        (90 * 24, 90 * 24 - 3, 24, 3),  # never longer than it would have counted
        (90 * 24, 100, 0, 0),
    ],
    ids=["no expiry", "far from its expiry", "near its expiry", "no overlap"],
)
async def test_new_token_is_like_the_old_one_and_lives_as_long(
    server: RunningServer,
    sql: asyncpg.Connection,
    world: World,
    *,
    lifetime: int | None,
    age: int,
    overlap: int,
    left: int,
) -> None:
    """In hours. The old one was made so long ago, to count for so long."""
    old, now = parsed(world.token("service")), datetime.now(UTC)
    created_at = now - timedelta(hours=age)
    expires_at = None if lifetime is None else created_at + timedelta(hours=lifetime, milliseconds=-3)
    await sql.execute(
        "UPDATE credentials SET created_at = $2, expires_at = $3, scopes = '{read,directory}', name = 'of old' WHERE id = $1",
        old.public_id,
        created_at,
        expires_at,
    )
    before = await version(sql, world)
    made = await rotate(server, str(old), timedelta(hours=overlap), now)
    new = parsed(made.text)
    assert (new.kind, new.public_id == old.public_id, new.secret == old.secret) == (old.kind, False, False)
    found = await sql.fetch("SELECT * FROM credentials WHERE id = ANY ($1)", [old.public_id, new.public_id])
    rows: list[dict[str, Any]] = sorted(map(dict, found), key=lambda row: bool(row["id"] == new.public_id))
    same = ("kind", "workspace_id", "subject_id", "name", "scopes", "revoked_at")
    assert {name: rows[0][name] for name in same} == {name: rows[1][name] for name in same}
    expected = now + timedelta(hours=left) if left == overlap else expires_at
    assert (rows[0]["expires_at"], made.old_expires_at) == (expected, expected)
    wanted = None if lifetime is None else now + timedelta(hours=lifetime)
    assert (rows[1]["expires_at"], made.expires_at) == (wanted, wanted)
    assert (rows[1]["secret_sha256"], rows[1]["last_used_at"]) == (new.secret_sha256, None)
    assert await version(sql, world) == before + 1


async def version(sql: asyncpg.Connection, world: World) -> int:
    found: int = await sql.fetchval("SELECT access_version FROM heads WHERE workspace_id = $1", UUID(world.acme))
    return found


@pytest.mark.parametrize("state", ["unknown", "revoked", "expired"])
async def test_token_that_does_not_count_is_not_rotated(
    server: RunningServer, sql: asyncpg.Connection, world: World, state: str
) -> None:
    token, now = world.token("member"), datetime.now(UTC)
    public_id = "0" * 16 if state == "unknown" else parsed(token).public_id
    if state == "revoked":
        async with server.database.operating() as connection:
            await revoke_token(connection, public_id)
    elif state == "expired":
        await sql.execute("UPDATE credentials SET expires_at = $2 WHERE id = $1", public_id, now)
    count = "SELECT count(*) FROM credentials"
    before = await sql.fetchval(count)
    with pytest.raises(NotFound) as refused:
        async with server.database.operating() as connection:
            await rotate_token(connection, public_id, timedelta(hours=1), now)
    assert refused.value.message.startswith(f"There is no token '{public_id}' that could be rotated")
    assert await sql.fetchval(count) == before
