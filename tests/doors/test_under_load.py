"""A server in trouble: slow statements, no free connection, too much at once. Whoever asks is answered, and afterwards all is well."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from tests.doors.test_event_streams import messages, streaming
from tests.ledger.conftest import owner
from tests.live.sockets import FOLLOW, say, until_waiting
from tests.support.clients import Client, open_socket, take_request_ids
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.settings import Settings

__all__ = ["owner"]

BOARDS = "{ boards { nodes { name } } }"
VIEWER = "{ viewer { role } }"
ROLE = {"data": {"viewer": {"role": "OWNER"}}}
LOG = """mutation ($key: String!) { logActivity(input: {eventType: "a.b", idempotencyKey: $key}) {
  event { sequence } replayed errors { code } } }"""
SYNC = """mutation ($users: [UserInput!], $boards: [BoardInput!]) {
  syncDirectory(input: {users: $users, boards: $boards}) { errors { code } } }"""
LOCKED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
TRY_AGAIN = "The log cannot be reached right now: try again in a moment."
GIVEN_UP = (
    "This took longer than 0.4 s and was given up: try again in a moment. "
    "A write may have happened all the same: repeat it with the same idempotencyKey."
)


def unavailable(message: str) -> list[dict[str, Any]]:
    return [{"message": message, "extensions": {"code": "UNAVAILABLE"}}]


@asynccontextmanager
async def locked(owner: asyncpg.Connection, lock: str) -> AsyncIterator[None]:
    """While the block runs, whoever needs it waits."""
    async with owner.transaction():
        await owner.execute(lock)
        yield


async def until_waiting_for_locks(owner: asyncpg.Connection, count: int) -> None:
    """Return when so many statements of the server wait, no more and no fewer."""

    async def is_so() -> bool:
        await owner.execute("SELECT pg_stat_clear_snapshot()")
        return bool(await owner.fetchval(LOCKED) == count)

    await until(is_so)


async def until_at_rest(server: RunningServer) -> None:
    """Return when nobody holds a connection any more."""
    database = server.database
    await until(lambda: (database.lanes.lent, database.writer.pool.checkedout()) == (0, 0))  # type: ignore[attr-defined]


async def events(owner: asyncpg.Connection) -> list[str]:
    """The keys of the events that tests here have written, in the order of the log."""
    rows = await owner.fetch("SELECT idempotency_key FROM events WHERE idempotency_key IS NOT NULL ORDER BY sequence")
    return [row["idempotency_key"] for row in rows]


LOCK_BOARDS = "LOCK TABLE boards IN ACCESS EXCLUSIVE MODE"
LOCK_HEADS = "SELECT FROM heads FOR UPDATE"


# -- statements and requests that take too long


async def test_a_statement_that_takes_too_long_is_ended_and_its_caller_told(
    settings: Settings, world: World, owner: asyncpg.Connection
) -> None:
    short = settings.model_copy(update={"statement_timeout_ms": 200})
    async with running_server(short) as server, Client(server.http) as gql:
        token = world.token("service")
        async with locked(owner, LOCK_BOARDS):
            answer = await gql(BOARDS, token=token)
            assert (gql.last.status_code, gql.last.headers["retry-after"]) == (503, "1")
            assert [(error["message"], error["extensions"]) for error in answer["errors"]] == [
                (TRY_AGAIN, {"code": "UNAVAILABLE"})
            ]
            await until_waiting_for_locks(owner, 0)
        assert len((await gql.data(BOARDS, token=token))["boards"]["nodes"]) == 3
        await until_at_rest(server)


def be_patient(server: RunningServer) -> None:
    """From here on what is asked may take as long as a busy machine needs for it."""
    server.services.deadlines.limit_s = 60


@pytest.fixture
async def hasty(settings: Settings) -> AsyncIterator[RunningServer]:
    """A server that gives requests up before statements end by themselves."""
    async with running_server(settings.model_copy(update={"request_timeout_s": 0.4, "pool_size": 3})) as running:
        yield running


async def test_a_read_that_takes_too_long_is_given_up_at_every_door_and_ended_in_the_database(
    hasty: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    token = world.token("service")
    async with Client(hasty.http) as gql, open_socket(hasty.ws, token) as socket:
        await socket.subscribe(FOLLOW, operation="feed")
        await until_waiting(hasty, 1)
        async with locked(owner, LOCK_BOARDS):
            await socket.subscribe(BOARDS, operation="late")
            over_http = asyncio.create_task(gql(BOARDS, token=token))
            await until_waiting_for_locks(owner, 2)
            assert await socket.receive() == {"id": "late", "type": "error", "payload": unavailable(GIVEN_UP)}
            assert await over_http == {"errors": unavailable(GIVEN_UP)}
            assert (gql.last.status_code, gql.last.headers["retry-after"]) == (503, "1")
            async with streaming(hasty, token, BOARDS) as stream:
                await stream.response.aread()
                errors = stream.response.json()["errors"]
                take_request_ids(errors)
                assert (stream.response.status_code, errors) == (503, unavailable(GIVEN_UP))
            # The lock is still held: it was not for the lock's end that the statements went.
            await until_waiting_for_locks(owner, 0)
            await until_at_rest(hasty)
        be_patient(hasty)
        for _ in range(5):
            assert len((await gql.data(BOARDS, token=token))["boards"]["nodes"]) == 3
        await say(gql, world, "still here")
        assert messages(await socket.next("feed")) == ["still here"]
        await until_at_rest(hasty)


async def test_a_write_that_is_given_up_is_whole_or_absent_and_harms_nobody_in_its_group(
    hasty: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    token = world.token("service")
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(hasty.http)) for _ in range(4)]
        async with locked(owner, LOCK_HEADS):
            # The first is in a group of its own and waits for the lock, the second waits for the group.
            late = [asyncio.create_task(clients[0](LOG, {"key": "first"}, token=token))]
            await until_waiting_for_locks(owner, 1)
            late.append(asyncio.create_task(clients[1](LOG, {"key": "second"}, token=token)))
            assert await asyncio.gather(*late) == [{"errors": unavailable(GIVEN_UP)}] * 2
            # This one goes with the second, whose caller has gone; and it is not in a hurry.
            be_patient(hasty)
            third = asyncio.create_task(clients[2](LOG, {"key": "third"}, token=token))
            await until(lambda: len(hasty.services.writers._waiting) == 2)
        assert (await third)["data"]["logActivity"]["errors"] == []
        assert await events(owner) == ["first", "second", "third"]
        for key in ("first", "second", "third"):
            payload = (await clients[3].data(LOG, {"key": key}, token=token))["logActivity"]
            assert (payload["replayed"], payload["errors"]) == (True, [])
        assert await events(owner) == ["first", "second", "third"]
    await until_at_rest(hasty)


async def test_a_transaction_that_is_given_up_half_way_leaves_nothing(
    hasty: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    rows = {
        "users": [{"id": world.id("new user"), "name": "New"}],
        "boards": [{"id": world.id("new board"), "name": "New"}],
    }
    count = "SELECT (SELECT count(*) FROM users WHERE name = 'New') + (SELECT count(*) FROM boards WHERE name = 'New')"
    async with Client(hasty.http) as gql:
        async with locked(owner, "LOCK TABLE boards IN EXCLUSIVE MODE"):
            assert await gql(SYNC, rows, token=world.token("service")) == {"errors": unavailable(GIVEN_UP)}
            await until_waiting_for_locks(owner, 0)
            await until_at_rest(hasty)
        be_patient(hasty)
        assert await owner.fetchval(count) == 0
        payload = await gql.data(SYNC, rows, token=world.token("service"))
        assert payload == {"syncDirectory": {"errors": []}}
        assert await owner.fetchval(count) == 2


# -- no free connection


async def test_whoever_finds_no_free_connection_is_told_in_time_and_served_afterwards(
    settings: Settings, world: World, owner: asyncpg.Connection
) -> None:
    few = settings.model_copy(update={"pool_size": 2, "pool_timeout_ms": 300})
    token = world.token("service")
    async with running_server(few) as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(server.http)) for _ in range(8)]
        async with locked(owner, LOCK_BOARDS):
            held = [asyncio.create_task(client(BOARDS, token=token)) for client in clients[:2]]
            await until_waiting_for_locks(owner, 2)
            answers = await asyncio.gather(*(client(BOARDS, token=token) for client in clients[2:]))
            assert [(answer["data"], answer["errors"][0]["extensions"]) for answer in answers] == [
                (None, {"code": "UNAVAILABLE"})
            ] * 6
            refused = [(client.last.status_code, client.last.headers["retry-after"]) for client in clients[2:]]
            assert refused == [(503, "1")] * 6
            assert [task.done() for task in held] == [False, False]
        for answer in await asyncio.gather(*held):
            assert len(answer["data"]["boards"]["nodes"]) == 3
        answers = await asyncio.gather(*(client(VIEWER, token=world.token("owner")) for client in clients))
        assert answers == [ROLE] * 8
        await until_at_rest(server)


async def test_whoever_comes_while_others_wait_for_a_connection_waits_no_longer_than_they(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sign-ins are looked up together and writes committed together: a round more would be a wait twice as long."""
    few = settings.model_copy(update={"access_pool_size": 1, "writer_pool_size": 1, "pool_timeout_ms": 300})
    token = world.token("service")
    async with running_server(few) as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(server.http)) for _ in range(3)]
        principals, writers = server.services.principals, server.services.writers
        waits: list[str] = []
        looking_up, writing = server.database.looking_up, server.database.writing
        monkeypatch.setattr(server.database, "looking_up", lambda: waits.append("look-up") or looking_up())  # type: ignore[func-returns-value]
        monkeypatch.setattr(server.database, "writing", lambda ids: waits.append("commit") or writing(ids))  # type: ignore[func-returns-value]

        async with server.database.access.connect():
            first = asyncio.create_task(clients[0](VIEWER, token=token))
            await until(lambda: principals._looking is not None and not principals._asked)
            rest = [asyncio.create_task(client(VIEWER, token=token)) for client in clients[1:]]
            await until(lambda: sum(len(futures) for futures in principals._asked.values()) == 2)
            assert await asyncio.gather(first, *rest) == [{"errors": unavailable(TRY_AGAIN)}] * 3
        assert waits == ["look-up"]
        await until(lambda: principals._touching is None)

        async with server.database.writer.connect():
            await clients[0].data(VIEWER, token=world.token("owner"))
            waits.clear()
            first = asyncio.create_task(clients[0](LOG, {"key": "first"}, token=token))
            await until(lambda: writers._running is not None and not writers._waiting)
            rest = [asyncio.create_task(client(LOG, {"key": "rest"}, token=token)) for client in clients[1:]]
            await until(lambda: len(writers._waiting) == 2)
            answers = await asyncio.gather(first, *rest)
            assert [[error["extensions"] for error in answer["errors"]] for answer in answers] == [
                [{"code": "UNAVAILABLE"}]
            ] * 3
        assert waits.count("commit") == 1
        assert (await clients[0].data(LOG, {"key": "first"}, token=token))["logActivity"]["replayed"] is False


# -- too much at once


async def test_a_caller_has_so_many_requests_under_way_and_no_more(
    settings: Settings, world: World, owner: asyncpg.Connection
) -> None:
    bounded = settings.model_copy(update={"requests_per_principal_max": 2})
    token = world.token("service")
    too_many = {
        "message": "Too many requests at once: 2 are allowed: try again in 1.00 s.",
        "extensions": {"code": "RATE_LIMITED", "retryAfterMs": 1000},
    }
    async with running_server(bounded) as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(server.http)) for _ in range(3)]
        socket = await stack.enter_async_context(open_socket(server.ws, token))
        # Subscriptions are not counted: they have bounds of their own.
        for number in range(3):
            await socket.subscribe(FOLLOW, operation=f"feed {number}")
        await until_waiting(server, 3)
        async with locked(owner, LOCK_BOARDS):
            held = asyncio.create_task(clients[0](BOARDS, token=token))
            await socket.subscribe(BOARDS, operation="held")
            await until_waiting_for_locks(owner, 2)
            assert await clients[1](VIEWER, token=token) == {"errors": [too_many]}
            assert (clients[1].last.status_code, clients[1].last.headers["retry-after"]) == (429, "1")
            await socket.subscribe(VIEWER, operation="refused")
            assert await socket.receive() == {"id": "refused", "type": "error", "payload": [too_many]}
            assert await clients[2](VIEWER, token=world.token("owner")) == ROLE
        assert len((await held)["data"]["boards"]["nodes"]) == 3
        assert len((await socket.next("held"))["data"]["boards"]["nodes"]) == 3
        assert await socket.receive() == {"id": "held", "type": "complete"}
        for _ in range(3):
            assert await clients[1].data(VIEWER, token=token) == {"viewer": {"role": None}}
