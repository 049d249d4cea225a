"""What is left behind when readers go, however they go: nothing. And what is left while they stay: one reader of the log."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import ConnectionClosed

from tests.live.sockets import FOLLOW, cursor, followers, hub, say, until_waiting, waiting
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer
from tests.support.waiting import until
from tests.support.world import World


def tasks() -> set[str]:
    """The names of the tasks that follow a log."""
    return {name for task in asyncio.all_tasks() if (name := task.get_name()).startswith("trailcast-follow-")}


async def until_nothing_is_left(server: RunningServer) -> None:
    await until(lambda: hub(server)._followers == {} and tasks() == set())
    # Lent connections would be missing here for ever.
    await until(lambda: server.database.reader.pool.checkedout() == 0)  # type: ignore[attr-defined]


async def close(socket: Socket) -> None:
    """Say goodbye, and read what is on its way until the other side has said so too."""
    closing = asyncio.create_task(socket.connection.close())
    with contextlib.suppress(ConnectionClosed):
        while True:
            await socket.connection.recv()
    await closing


@pytest.fixture
async def busy(gql: Client, world: World) -> AsyncIterator[asyncio.Task[None]]:
    """Somebody who keeps writing meanwhile."""

    async def write() -> None:
        while True:
            await say(gql, world, "busy", "busy", "busy")

    task = asyncio.create_task(write())
    yield task
    task.cancel()
    await asyncio.wait([task])


async def test_all_readers_of_a_workspace_share_one_task_and_each_workspace_has_its_own(
    server: RunningServer, world: World
) -> None:
    async with (
        open_socket(server.ws, world.token("owner")) as one,
        open_socket(server.ws, world.token("bot")) as two,
        open_socket(server.ws, world.token("globex_owner")) as three,
    ):
        for socket in (one, one, two, three):
            await socket.subscribe(FOLLOW, operation=str(id(object())))
            await until_waiting(server, waiting(server) + 1)
        assert tasks() == {f"trailcast-follow-{world.acme}", f"trailcast-follow-{world.globex}"}
        assert sorted(len(follower.members) for follower in followers(server)) == [1, 3]
    await until_nothing_is_left(server)


async def test_nothing_is_left_of_readers_that_end_their_operations(server: RunningServer, world: World) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        for number in range(5):
            await socket.subscribe(FOLLOW, operation=str(number))
        await until_waiting(server, 5)
        for number in range(5):
            await socket.send({"id": str(number), "type": "complete"})
        await until_nothing_is_left(server)


@pytest.mark.parametrize("how", ["close", "cut"])
async def test_nothing_is_left_of_readers_that_vanish_while_events_come(
    server: RunningServer, world: World, busy: asyncio.Task[None], how: str
) -> None:
    for round_ in range(3):
        async with open_socket(server.ws, world.token("owner")) as socket:
            for number in range(10):
                start = {"after": cursor(world, 0)} if number % 2 else {}
                await socket.subscribe(FOLLOW, start, str(number))
            for _ in range(5 * round_):
                await socket.receive()
            if how == "cut":
                socket.connection.transport.abort()
            else:
                await close(socket)
    await until_nothing_is_left(server)
    assert not busy.done()


async def test_nothing_is_left_of_readers_that_vanish_while_they_join(server: RunningServer, world: World) -> None:
    """Cut at once after the frame was sent: some are still loading rights, some registering, some reading the head."""
    for _ in range(20):
        async with open_socket(server.ws, world.token("owner")) as socket:
            for number in range(5):
                await socket.subscribe(FOLLOW, {"after": cursor(world, 0)}, str(number))
            socket.connection.transport.abort()
    await until_nothing_is_left(server)


async def test_nothing_is_left_of_operations_that_were_refused(server: RunningServer, world: World) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        for number in range(10):
            await socket.subscribe(FOLLOW, {"after": cursor(world, 10_000)}, str(number))
            assert (await socket.receive())["type"] == "error"
        await until_nothing_is_left(server)


async def test_a_workspace_that_everybody_left_is_followed_anew(
    gql: Client, server: RunningServer, world: World
) -> None:
    for message in ("first", "second"):
        async with open_socket(server.ws, world.token("owner")) as socket:
            await socket.subscribe(FOLLOW)
            await until_waiting(server, 1)
            await say(gql, world, message)
            assert (await socket.next())["data"]["activityLogged"]["message"] == message
        await until_nothing_is_left(server)
        await say(gql, world, "heard by nobody")
