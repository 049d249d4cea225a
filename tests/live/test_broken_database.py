"""A database that breaks under running streams: readers are told what they may know, by a code, and go on from their last cursor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed

from tests.ledger.drafts import is_waiting_for_lock, last_sequence
from tests.live.sockets import FOLLOW, cursor, say, until_waiting
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer
from tests.support.waiting import until
from tests.support.world import World
from trailcast.ledger.roles import READER, READER_SCHEMA

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
MASKED = "Something went wrong on our side; quote the requestId when you report it."


@pytest.fixture
async def end(owner: asyncpg.Connection, world: World) -> int:
    return await last_sequence(owner, world.acme)


@asynccontextmanager
async def locked(owner: asyncpg.Connection, table: str) -> AsyncIterator[None]:
    """While the block runs, whoever reads the table waits."""
    async with owner.transaction():
        await owner.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


async def last_answer(socket: Socket, operation: str = "1") -> dict[str, Any]:
    """The one error of the last answer of an operation, which then is over."""
    payload = await socket.next(operation)
    assert payload["data"] is None
    [error] = payload["errors"]
    assert await socket.receive() == {"type": "complete", "id": operation}
    assert isinstance(error, dict)
    return error


async def test_the_unexpected_in_a_running_stream_is_masked_and_ends_it_alone(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection, end: int
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, operation="other")
        await until_waiting(server, 1)
        async with locked(owner, "events"):
            # The feed stands and is about to replay when it is no longer allowed to read.
            await socket.subscribe(FOLLOW, {"after": cursor(world, 0)})
            await until(lambda: is_waiting_for_lock(owner))
            await owner.execute(f"REVOKE SELECT ON {READER_SCHEMA}.events FROM {READER}")
        error = await last_answer(socket)
        assert (error["message"], error["extensions"]["code"]) == (MASKED, "INTERNAL")
        assert error["extensions"] == {"code": "INTERNAL"}
        await owner.execute(f"GRANT SELECT ON {READER_SCHEMA}.events TO {READER}")
        await say(gql, world, "mended")
        assert (await socket.next("other"))["data"]["activityLogged"]["message"] == "mended"
        await socket.subscribe(FOLLOW, {"after": cursor(world, end)})
        assert (await socket.next())["data"]["activityLogged"]["message"] == "mended"


async def test_the_unexpected_before_a_stream_begins_is_an_error_of_its_own(
    server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        await owner.execute("ALTER TABLE heads RENAME TO elsewhere")
        await socket.subscribe(FOLLOW)
        frame = await socket.receive()
        assert (frame["type"], frame["id"]) == ("error", "1")
        assert [(error["message"], error["extensions"]["code"]) for error in frame["payload"]] == [(MASKED, "INTERNAL")]


async def test_the_unexpected_while_a_socket_introduces_itself_ends_it_with_a_code(
    server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    await owner.execute("ALTER TABLE heads RENAME TO elsewhere")
    async with open_socket(server.ws) as socket:
        await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {world.token('owner')}"}})
        with pytest.raises(ConnectionClosed) as closed:
            await socket.receive()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4500, "Internal server error")


async def test_a_connection_that_dies_in_the_middle_is_unavailable_and_the_reader_goes_on_later(
    server: RunningServer, world: World, owner: asyncpg.Connection, end: int
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        async with locked(owner, "events"):
            await socket.subscribe(FOLLOW, {"after": cursor(world, end - 1)})
            await until(lambda: is_waiting_for_lock(owner))
            await owner.execute(TERMINATE)
        error = await last_answer(socket)
        assert error["extensions"] == {"code": "UNAVAILABLE"}
        await socket.subscribe(FOLLOW, {"after": cursor(world, end - 1)})
        assert (await socket.next())["data"]["activityLogged"]["cursor"] == cursor(world, end)


async def test_a_hub_whose_connections_die_again_and_again_loses_nothing(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection, end: int
) -> None:
    document = """
    mutation ($message: String!) {
      logActivity(input: {eventType: "a.said", message: $message, idempotencyKey: $message}) { errors { code } }
    }
    """
    count = 15
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW)
        await until_waiting(server, 1)
        for number in range(count):
            await owner.execute(TERMINATE)
            # Each until it is acknowledged: the writer's connection died too.
            while "errors" in await gql(document, {"message": str(number)}, token=world.token("service")):
                continue
        received = [(await socket.next())["data"]["activityLogged"] for _ in range(count)]
    assert [(int(event["sequence"]), event["message"]) for event in received] == [
        (end + 1 + number, str(number)) for number in range(count)
    ]


async def test_while_the_log_cannot_be_read_live_readers_wait_and_then_get_it_all(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection, end: int
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW)
        await until_waiting(server, 1)
        await owner.execute(
            "ALTER TABLE tasks RENAME COLUMN title TO elsewhere"
        )  # what the hub reads and a writer does not
        for number in range(3):
            await say(gql, world, str(number))
        await owner.execute("ALTER TABLE tasks RENAME COLUMN elsewhere TO title")
        received = [(await socket.next())["data"]["activityLogged"] for _ in range(3)]
    assert [(int(event["sequence"]), event["message"]) for event in received] == [
        (end + 1 + number, str(number)) for number in range(3)
    ]
