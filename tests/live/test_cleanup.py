"""What is left behind when readers go, however they go: nothing. And what is left while they stay: one reader of the log."""

import asyncio
import contextlib
import gc
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.doors.test_event_streams import streaming
from tests.live.sockets import FOLLOW, cursor, followers, hub, received_so_far, say, until_waiting, waiting, write
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer
from tests.support.slow import narrow_connection, open_slow_socket
from tests.support.waiting import until
from tests.support.world import World
from trailcast.doors import sockets
from trailcast.live.audiences import Audience, Delivery, Group
from trailcast.live.hub import Follower
from trailcast.live.subscription import Channel, Subscription


def tasks() -> set[str]:
    """The names of the tasks that follow a log."""
    return {name for task in asyncio.all_tasks() if (name := task.get_name()).startswith("trailcast-follow-")}


async def until_nothing_is_left(server: RunningServer) -> None:
    await until(lambda: hub(server)._followers == {} and tasks() == set())
    # Lent connections would be missing here for ever.
    await until(lambda: server.database.lanes.lent == 0)


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
            before = waiting(server)
            await socket.subscribe(FOLLOW, operation=str(id(object())))
            await until_waiting(server, before + 1)
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


# Whatever a reader makes in a server.
MADE = {sockets.Socket, sockets.Operation, Subscription, Channel, Follower, Group, Audience, Delivery}


def left_over() -> Counter[str]:
    """What is still there of it, by kind: all that something still holds, be it a task, a timer or a registry."""
    gc.collect()
    return Counter(type(thing).__name__ for thing in gc.get_objects() if type(thing) in MADE)


async def vanish_live(server: RunningServer, world: World, chance: random.Random) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW)
        for _ in range(chance.randint(0, 3)):
            await socket.receive()
        socket.connection.transport.abort()


async def say_goodbye(server: RunningServer, world: World, chance: random.Random) -> None:
    async with open_socket(server.ws, world.token("admin")) as socket:
        await socket.subscribe(FOLLOW, {"after": cursor(world, chance.randint(0, 20))})
        await socket.receive()
        await close(socket)


async def vanish_in_replay(server: RunningServer, world: World, chance: random.Random) -> None:
    """With more to come than its connection holds, and unread."""
    async with open_slow_socket(server.port, world.token("owner")) as socket:
        socket.stop_reading()
        for number in range(5):
            await socket.subscribe(FOLLOW, {"after": cursor(world, 0)}, str(number))
        for _ in range(chance.randint(0, 30)):
            await asyncio.sleep(0)


async def vanish_while_introducing(server: RunningServer, world: World, chance: random.Random) -> None:
    async with open_socket(server.ws) as socket:
        payload = {"Authorization": f"Bearer {world.token('owner')}"}
        if chance.random() < 0.8:
            await socket.send({"type": "connection_init", "payload": payload})
        for _ in range(chance.randint(0, 30)):
            await asyncio.sleep(0)
        socket.connection.transport.abort()


async def cut_stream(server: RunningServer, world: World, chance: random.Random) -> None:
    """After some events, or before anything has come."""
    start = {"after": cursor(world, 0)} if chance.random() < 0.5 else {}
    patience_s = chance.choice((20, chance.random() / 20))
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with (
            asyncio.timeout(patience_s),
            streaming(server, world.token("owner"), FOLLOW, start) as stream,
        ):
            for _ in range(chance.randint(1, 4)):
                await stream.event()


async def vanish_before_the_end_of_the_handshake(server: RunningServer, world: World, chance: random.Random) -> None:
    request = b"GET /graphql HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    with narrow_connection(server.port) as connection:
        await asyncio.get_running_loop().sock_sendall(connection, request[: chance.randint(0, len(request))])


WAYS = (
    vanish_live,
    say_goodbye,
    vanish_in_replay,
    vanish_while_introducing,
    cut_stream,
    vanish_before_the_end_of_the_handshake,
)
ROUNDS = 10


async def test_nothing_is_left_of_sixty_that_go_in_every_way_at_every_moment(
    server: RunningServer, world: World, gql: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing: no task, no object, no entry, no count, no lent connection. Nor is it an error that somebody goes."""
    chance = random.Random(11)
    await say(gql, world, *["x" * 4_000] * 200)
    there, left_before = asyncio.all_tasks(), left_over()

    async def write() -> None:
        async with Client(server.http) as own:
            while True:
                await say(own, world, "busy", "busy", "busy")

    busy = asyncio.create_task(write())
    try:
        async with asyncio.timeout(60):
            for _ in range(ROUNDS):
                await asyncio.gather(*(way(server, world, chance) for way in WAYS))
        assert not busy.done()
    finally:
        busy.cancel()
        await asyncio.wait([busy])
    await until_nothing_is_left(server)
    await until(lambda: asyncio.all_tasks() <= there)
    await until(lambda: left_over() <= left_before)
    services = server.services
    assert (services.counters.sockets, services.counters.subscribers, services.counters.groups) == (0, 0, 0)
    assert services.counters.deliveries > 0
    assert services.admission._open == {}
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("field", ["boardId", "taskId"])
async def test_a_filter_that_names_one_thing_twice_leaves_nothing(
    gql: Client, server: RunningServer, world: World, field: str
) -> None:
    where = {"boardId": world.id("alpha"), "taskId": world.id("alpha_task")}
    place = where[field]
    async with (
        open_socket(server.ws, world.token("owner")) as socket,
        streaming(server, world.token("owner"), FOLLOW, {"filter": {field: [place, place]}}) as stream,
    ):
        for operation in ("one", "two"):
            await socket.subscribe(FOLLOW, {"filter": {field: [place, place.upper()]}}, operation)
        await until_waiting(server, 3)
        await write(
            gql,
            world,
            {"eventType": "a.said", "message": "once", "boardId": world.id("alpha"), "taskId": world.id("alpha_task")},
        )
        received = [(await socket.receive())["payload"]["data"]["activityLogged"]["message"] for _ in range(2)]
        assert [*received, (await stream.item())["data"]["activityLogged"]["message"]] == ["once"] * 3
        assert await received_so_far(socket) == []
    await until_nothing_is_left(server)
    await until(lambda: server.services.admission._open == {})
