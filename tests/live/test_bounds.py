"""The bounds of live connections: of a caller, of a process, of time. Whoever meets one is told, and whoever goes makes room."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed

from tests.access.closing import ending
from tests.doors.test_event_streams import streaming
from tests.ledger.drafts import last_sequence
from tests.live.sockets import FOLLOW, cursor, followers, say, until_waiting
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.settings import Settings

SOCKETS_MAX, SUBSCRIPTIONS_MAX = 2, 3
TOO_MANY_SOCKETS = (1013, f"LIMIT_EXCEEDED: {SOCKETS_MAX} live connections are open in your name: close one")
TOO_OLD = (4410, "This socket is old: open another")
TOO_MANY_SUBSCRIPTIONS = {
    "message": f"This server runs {SUBSCRIPTIONS_MAX} subscriptions, which is its most: come back later.",
    "locations": [{"line": 3, "column": 3}],
    "path": ["activityLogged"],
    "extensions": {"code": "LIMIT_EXCEEDED"},
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"sockets_per_principal_max": SOCKETS_MAX, "subscriptions_max": SUBSCRIPTIONS_MAX}
    )


async def is_refused(server: RunningServer, world: World, caller: str, **payload: str) -> tuple[int | None, str | None]:
    """How a socket is closed that asks to be let in, and is not."""
    async with open_socket(server.ws) as socket:
        given = {"Authorization": f"Bearer {world.token(caller)}", **payload}
        await socket.send({"type": "connection_init", "payload": given})
        end = await ending(socket)
    assert end.frames == []
    return end.code, end.reason


async def until_nothing_is_counted(server: RunningServer) -> None:
    counters = server.services.counters
    await until(lambda: (counters.sockets, counters.subscribers, counters.groups) == (0, 0, 0))
    assert server.services.admission._open == {}
    assert followers(server) == []


async def test_a_caller_holds_so_many_sockets_and_no_more(server: RunningServer, world: World) -> None:
    async with AsyncExitStack() as stack:
        own = [
            await stack.enter_async_context(open_socket(server.ws, world.token("owner"))) for _ in range(SOCKETS_MAX)
        ]
        assert await is_refused(server, world, "owner") == TOO_MANY_SOCKETS
        # The bound is each caller's own, and the refused one has not used anything up.
        await stack.enter_async_context(open_socket(server.ws, world.token("admin")))
        assert sorted(server.services.admission._open.values()) == [1, SOCKETS_MAX]
        for socket in own:
            await socket.subscribe("{ viewer { role } }")
            assert await socket.next() == {"data": {"viewer": {"role": "OWNER"}}}
        await own[0].connection.close()
        await until(lambda: server.services.counters.sockets == SOCKETS_MAX)
        await stack.enter_async_context(open_socket(server.ws, world.token("owner")))
        assert await is_refused(server, world, "owner") == TOO_MANY_SOCKETS
    await until_nothing_is_counted(server)


async def test_many_that_come_at_once_are_counted_one_by_one(server: RunningServer, world: World) -> None:
    """All are looked up together, so all are answered in one moment."""
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(open_socket(server.ws)) for _ in range(10)]
        payload = {"Authorization": f"Bearer {world.token('owner')}"}
        for socket in sockets:
            await socket.send({"type": "connection_init", "payload": payload})
        answers = await asyncio.gather(*(_first_word(socket) for socket in sockets))
        assert answers.count("connection_ack") == SOCKETS_MAX
        assert answers.count(1013) == 10 - SOCKETS_MAX
    await until_nothing_is_counted(server)


async def _first_word(socket: Socket) -> Any:
    try:
        return (await socket.receive())["type"]
    except ConnectionClosed:
        return socket.connection.close_code


async def test_sockets_and_event_streams_of_a_caller_are_counted_together(server: RunningServer, world: World) -> None:
    async with (
        open_socket(server.ws, world.token("owner")),
        streaming(server, world.token("owner"), FOLLOW) as stream,
    ):
        assert await stream.event() == {"comment": ""}
        assert await is_refused(server, world, "owner") == TOO_MANY_SOCKETS
        async with streaming(server, world.token("owner"), FOLLOW) as third:
            assert third.response.status_code == 429
    await until_nothing_is_counted(server)


async def test_a_person_counts_apart_in_each_workspace(server: RunningServer, world: World) -> None:
    async with AsyncExitStack() as stack:
        for workspace in (world.acme, world.globex):
            for _ in range(SOCKETS_MAX):
                await stack.enter_async_context(open_socket(server.ws, world.token("double"), workspace=workspace))
            assert await is_refused(server, world, "double", workspace=workspace) == TOO_MANY_SOCKETS
    await until_nothing_is_counted(server)


async def test_a_process_runs_so_many_subscriptions_and_no_more(
    gql: Client, server: RunningServer, world: World
) -> None:
    async with (
        open_socket(server.ws, world.token("owner")) as one,
        open_socket(server.ws, world.token("globex_owner")) as two,
    ):
        for operation in ("1", "2"):
            await one.subscribe(FOLLOW, operation=operation)
        await two.subscribe(FOLLOW)
        await until_waiting(server, SUBSCRIPTIONS_MAX)
        for socket in (one, two):
            await socket.subscribe(FOLLOW, operation="more")
            refused = await socket.receive()
            assert refused == {"id": "more", "type": "error", "payload": [TOO_MANY_SUBSCRIPTIONS]}
        # Those that run go on, and so does all else.
        await say(gql, world, "for both")
        assert {(await one.receive())["id"] for _ in range(2)} == {"1", "2"}
        # Whoever ends one makes room, for anybody.
        await one.send({"id": "1", "type": "complete"})
        await until_waiting(server, SUBSCRIPTIONS_MAX - 1)
        await two.subscribe(FOLLOW, operation="more")
        await until_waiting(server, SUBSCRIPTIONS_MAX)
    await until_nothing_is_counted(server)


async def test_an_event_stream_that_is_one_too_many_is_told_so_and_leaves_nothing(
    server: RunningServer, world: World
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        for number in range(SUBSCRIPTIONS_MAX):
            await socket.subscribe(FOLLOW, operation=str(number))
        await until_waiting(server, SUBSCRIPTIONS_MAX)
        async with streaming(server, world.token("bot"), FOLLOW) as stream:
            [told, complete] = await stream.end()
            assert json.loads(told["data"])["errors"] == [TOO_MANY_SUBSCRIPTIONS]
            assert complete == {"event": "complete", "data": ""}
    await until_nothing_is_counted(server)


async def test_subscriptions_that_come_at_once_are_counted_one_by_one(server: RunningServer, world: World) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        for number in range(10):
            await socket.subscribe(FOLLOW, operation=str(number))
        refused = [await socket.receive() for _ in range(10 - SUBSCRIPTIONS_MAX)]
        assert [frame["payload"] for frame in refused] == [[TOO_MANY_SUBSCRIPTIONS]] * (10 - SUBSCRIPTIONS_MAX)
        await until_waiting(server, SUBSCRIPTIONS_MAX)
    await until_nothing_is_counted(server)


async def test_a_socket_that_is_old_is_closed_and_its_feed_goes_on_on_another(
    settings: Settings, world: World, owner: asyncpg.Connection
) -> None:
    seen = end = await last_sequence(owner, world.acme)
    async with (
        running_server(settings.model_copy(update={"socket_lifetime_s": 1})) as server,
        Client(server.http) as gql,
    ):
        for _ in range(2):
            async with open_socket(server.ws, world.token("owner")) as socket:
                await socket.subscribe(FOLLOW, {"after": cursor(world, seen)})
                async with asyncio.timeout(30):
                    while socket.connection.close_code is None:
                        await say(gql, world, "on and on")
                        end += 1
                        seen += await _comes(socket, seen + 1)
                assert (socket.connection.close_code, socket.connection.close_reason) == TOO_OLD
            await until_nothing_is_counted(server)
        async with open_socket(server.ws, world.token("owner")) as socket:
            await socket.subscribe(FOLLOW, {"after": cursor(world, seen)})
            while seen < end:
                seen += await _comes(socket, seen + 1)


async def _comes(socket: Socket, sequence: int) -> bool:
    """Whether the event with this number comes, before the socket is closed."""
    try:
        assert int((await socket.next())["data"]["activityLogged"]["sequence"]) == sequence
    except ConnectionClosed:
        return False
    return True
