"""Sockets whose reader is slow, stalled or dead: it costs little, it costs nobody else, and whoever comes back misses nothing."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed

from tests.ledger.drafts import last_sequence
from tests.live.sockets import FOLLOW, LOG, cursor, followers, until_waiting
from tests.support.clients import Client, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.slow import SlowSocket, narrow_connection, open_slow_socket
from tests.support.waiting import until
from tests.support.world import World
from trailcast.asgi import Application
from trailcast.doors.sockets import Socket
from trailcast.live.counters import Counters
from trailcast.live.subscription import Subscription
from trailcast.records import EventRecord
from trailcast.settings import Settings

BATCH, MESSAGE_BYTES = 6, 8_000
BUFFER_BYTES = 8_192
# Nothing but what a test is about ends a socket.
PATIENT = {"socket_stall_s": 600, "socket_ping_s": 600}
TIGHT = {"socket_buffer_bytes": BUFFER_BYTES, "feed_items_max": 30, "feed_bytes_max": 100_000, "feed_page_size": 25}


def counters(server: RunningServer) -> Counters:
    return server.services.counters


def sockets_of(server: RunningServer) -> list[Socket]:
    """The server's side of all sockets."""
    assert isinstance(server.app, Application)
    door = server.app._server._sockets
    assert door is not None
    return list(door._open)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={**TIGHT, **PATIENT})


@pytest.fixture
async def end(owner: asyncpg.Connection, world: World) -> int:
    """Where the log ended before the test."""
    return await last_sequence(owner, world.acme)


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Items and bytes in a queue, whenever something was put into one. It is put by the real thing."""
    seen: list[tuple[int, int]] = []
    enqueue = Subscription._enqueue

    def noted(subscription: Subscription, delivery: object) -> bool:
        put = enqueue(subscription, delivery)  # type: ignore[arg-type]
        seen.append((len(subscription._queue), subscription._queued_bytes))
        return put

    monkeypatch.setattr(Subscription, "_enqueue", noted)
    return seen


async def say_much(gql: Client, world: World) -> None:
    """Some events, of fifty kilobytes together."""
    inputs = [{"eventType": "a.said", "message": "x" * MESSAGE_BYTES}] * BATCH
    payload = (await gql.data(LOG, {"inputs": inputs}, token=world.token("service")))["logActivities"]
    assert payload["errors"] == []


async def say_until_overflows(server: RunningServer, gql: Client, world: World, overflows: int) -> int:
    """Go on until so many readers have fallen behind; how many events it took."""
    said = 0
    async with asyncio.timeout(60):
        while counters(server).overflows < overflows:
            await say_much(gql, world)
            said += BATCH
    return said


async def follow(server: RunningServer, *sockets: SlowSocket, **start: str) -> None:
    for number, reader in enumerate(sockets, start=1):
        await reader.subscribe(FOLLOW, start)
        await until_waiting(server, number)


async def test_one_that_stalls_is_closed_delays_nobody_and_comes_back_without_loss(
    settings: Settings, world: World, end: int, queued: list[tuple[int, int]]
) -> None:
    async with (
        running_server(settings.model_copy(update={"socket_stall_s": 1.5})) as server,
        Client(server.http) as gql,
        open_slow_socket(server.port, world.token("owner")) as stalled,
        open_slow_socket(server.port, world.token("admin")) as quick,
    ):
        await follow(server, stalled, quick)
        stalled.stop_reading()
        by_quick: list[int] = []
        async with asyncio.timeout(60):
            while counters(server).overflows == 0:
                await say_much(gql, world)
                by_quick += await quick.take(BATCH)
        await until(lambda: counters(server).sockets_stalled == 1)
        await until(lambda: counters(server).sockets == 1)
        # Nothing is left of it: not its operation, its subscription, its audience.
        assert (counters(server).subscribers, counters(server).groups, counters(server).sockets_stalled) == (1, 1, 1)
        [follower] = followers(server)
        assert len(follower.members) == 1
        assert max(items for items, _ in queued) <= settings.feed_items_max
        assert max(size for _, size in queued) <= settings.feed_bytes_max
        await say_much(gql, world)
        by_quick += await quick.take(BATCH)
        stalled.go_on_reading()
        before = await stalled.rest()
        assert stalled.connection.close_code in {4410, 1006}
        async with open_socket(server.ws, world.token("owner")) as again:
            await again.subscribe(FOLLOW, {"after": cursor(world, end + len(before))})
            rest = [int((await again.next())["data"]["activityLogged"]["sequence"]) for _ in by_quick[len(before) :]]
    assert 0 < len(before) < len(by_quick)
    assert by_quick == before + rest == list(range(end + 1, end + len(by_quick) + 1))


async def test_one_that_answers_no_ping_is_closed_with_a_code_that_it_finds_when_it_reads_again(
    settings: Settings, world: World
) -> None:
    settings = settings.model_copy(update={"socket_ping_s": 0.1, "socket_pong_s": 0.2})
    async with (
        running_server(settings) as server,
        open_slow_socket(server.port, world.token("owner")) as asleep,
        open_socket(server.ws, world.token("owner")) as awake,
    ):
        await asleep.subscribe(FOLLOW)
        await until_waiting(server, 1)
        asleep.stop_reading()
        await until(lambda: followers(server) == [])
        await until(lambda: counters(server).sockets == 1)
        assert counters(server).sockets_stalled == 1
        asleep.go_on_reading()
        with pytest.raises(ConnectionClosed):
            await asleep.receive()
        assert (asleep.connection.close_code, asleep.connection.close_reason) == (4410, "No answer to a ping")
        # As many pings went to the one that answers.
        await awake.subscribe("{ viewer { role } }")
        assert await awake.next() == {"data": {"viewer": {"role": "OWNER"}}}


async def test_one_that_is_only_slow_goes_back_to_the_log_and_misses_nothing(
    gql: Client, server: RunningServer, world: World, end: int, queued: list[tuple[int, int]]
) -> None:
    received: list[int] = []
    async with open_slow_socket(server.port, world.token("owner")) as slow:
        await follow(server, slow)
        for turn in range(1, 4):
            slow.stop_reading()
            replays = counters(server).replays
            said = await say_until_overflows(server, gql, world, turn)
            slow.go_on_reading()
            received += await slow.take(said)
            await until_waiting(server, 1)
            assert counters(server).replays > replays
        assert (counters(server).sockets_stalled, counters(server).sockets) == (0, 1)
    assert received == list(range(end + 1, end + len(received) + 1))
    assert max(items for items, _ in queued) <= 30
    assert max(size for _, size in queued) <= 100_000


async def test_one_that_is_slow_in_the_middle_of_its_replay_misses_nothing(
    gql: Client, server: RunningServer, world: World, end: int
) -> None:
    """It joins with a long way to go, and reads nothing until more was committed than may wait for it."""
    said = 20 * BATCH
    for _ in range(20):
        await say_much(gql, world)
    async with open_slow_socket(server.port, world.token("owner")) as slow:
        slow.stop_reading()
        await slow.subscribe(FOLLOW, {"after": cursor(world, end)})
        await until(lambda: any(not socket.wire.is_writable for socket in sockets_of(server)))
        said += await say_until_overflows(server, gql, world, 1)
        slow.go_on_reading()
        received = await slow.take(said)
        await until_waiting(server, 1)
    assert received == list(range(end + 1, end + said + 1))


async def test_one_that_is_slow_in_its_replay_holds_no_more_of_the_log_than_may_be_queued_for_it(
    gql: Client, server: RunningServer, world: World, end: int, settings: Settings
) -> None:
    """A page of the log is bounded by number, and what is read of it, but not handed over yet, by size."""
    for _ in range(20):
        await say_much(gql, world)
    before = held_events()
    async with open_slow_socket(server.port, world.token("owner")) as slow:
        slow.stop_reading()
        await slow.subscribe(FOLLOW, {"after": cursor(world, end)})
        await until(lambda: any(not socket.wire.is_writable for socket in sockets_of(server)))
        assert (
            (held_events() - before) * MESSAGE_BYTES
            <= settings.feed_bytes_max
            < settings.feed_page_size * MESSAGE_BYTES
        )
        slow.go_on_reading()
        assert await slow.take(20 * BATCH) == list(range(end + 1, end + 20 * BATCH + 1))


def held_events() -> int:
    """How many records of events are in memory."""
    gc.collect()
    return sum(
        isinstance(thing, EventRecord) for thing in gc.get_objects() if type(thing).__module__ == "trailcast.records"
    )


async def test_operations_of_one_socket_are_slow_together_and_each_misses_nothing(
    gql: Client, server: RunningServer, world: World, end: int
) -> None:
    received: dict[str, list[int]] = {str(number): [] for number in range(5)}
    async with open_slow_socket(server.port, world.token("owner")) as slow:
        for operation in received:
            await slow.subscribe(FOLLOW, operation=operation)
        await until_waiting(server, len(received))
        slow.stop_reading()
        said = await say_until_overflows(server, gql, world, len(received))
        slow.go_on_reading()
        for _ in range(said * len(received)):
            frame = await slow.receive()
            received[frame["id"]].append(int(frame["payload"]["data"]["activityLogged"]["sequence"]))
    assert list(received.values()) == [list(range(end + 1, end + said + 1))] * len(received)


async def test_the_listener_hands_its_options_on_to_every_connection(
    server: RunningServer, world: World, settings: Settings
) -> None:
    async with open_socket(server.ws, world.token("owner")):
        [accepted] = sockets_of(server)
        connection = accepted.wire.transport.get_extra_info("socket")
        # Linux reserves as much again for its own book-keeping, and says so.
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) in {BUFFER_BYTES, 2 * BUFFER_BYTES}
        timeout_ms = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert timeout_ms == settings.peer_timeout_s * 1000
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.fixture
async def hasty(settings: Settings) -> AsyncIterator[RunningServer]:
    """A server whose kernel waits a second for a peer to take what was sent."""
    async with running_server(settings.model_copy(update={"peer_timeout_s": 1})) as running:
        yield running


async def test_an_event_stream_that_nobody_reads_is_dropped_by_the_kernel_and_leaves_nothing(
    hasty: RunningServer, world: World
) -> None:
    async with Client(hasty.http) as gql:
        for _ in range(20):
            await say_much(gql, world)
    with narrow_connection(hasty.port) as unread:
        unread.setblocking(True)
        unread.sendall(_asking_for_events(world))
        await until(lambda: counters(hasty).subscribers == 1)
        await until(lambda: counters(hasty).subscribers == 0)
        await until(lambda: hasty.services.admission._open == {})
    assert followers(hasty) == []


def _asking_for_events(world: World) -> bytes:
    """A request for all that the owner may see, from the beginning."""
    body = (
        '{"query": "subscription ($after: String) { activityLogged(after: $after) { message } }", '
        f'"variables": {{"after": "{cursor(world, 0)}"}}}}'
    )
    head = (
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {world.token('owner')}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()
