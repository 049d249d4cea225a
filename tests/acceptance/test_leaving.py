"""A server that is told to stop: it lets nobody in, finishes what is under way, says goodbye to every reader, and is gone in time.

What holds a stop open is chosen by each test: a write that waits for a lock that the test has, or readers that do not read on yet.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.acceptance.acme import FOLLOW, LOG, Acme, take
from tests.acceptance.conftest import Serve
from tests.acceptance.processes import ServerProcess
from tests.ledger.drafts import is_waiting_for_lock
from tests.support.clients import SUBPROTOCOL, Client, Socket, open_socket
from tests.support.slow import SlowSocket, narrow_connection, open_slow_socket
from tests.support.waiting import until

GONE_DEADLINE_S = 30
# Nothing but the stop ends anything, however slow the machine is.
PATIENT = {
    "TRAILCAST_LOCK_TIMEOUT_MS": "60000",
    "TRAILCAST_STATEMENT_TIMEOUT_MS": "60000",
    "TRAILCAST_LEAVING_S": "60",
    "TRAILCAST_SOCKET_STALL_S": "600",
    "TRAILCAST_SOCKET_PING_S": "600",
    "TRAILCAST_PEER_TIMEOUT_S": "600",
    "TRAILCAST_SOCKET_BUFFER_BYTES": "8192",
}
# More than all buffers between a server and a reader that does not read hold.
MESSAGE_BYTES, MANY = 4_000, 300
RESTART = (1012, "The server leaves: come back with your cursor")


def tell_to_stop(server: ServerProcess) -> None:
    server._process.send_signal(signal.SIGTERM)


async def exit_status(server: ServerProcess) -> int:
    async with asyncio.timeout(GONE_DEADLINE_S):
        return await server._process.wait()


async def until_leaving(server: ServerProcess) -> dict[str, Any]:
    """What the server says of itself as soon as it is no longer ready."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        said: list[httpx.Response] = []

        async def is_leaving() -> bool:
            said.append(await client.get("/readyz"))
            return said[-1].status_code == 503

        await until(is_leaving)
        assert (await client.get("/livez")).status_code == 200
    answer: dict[str, Any] = said[-1].json()
    return answer


async def assert_nobody_is_let_in(server: ServerProcess, acme: Acme) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(server.ws, subprotocols=[SUBPROTOCOL])  # type: ignore[list-item]
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["retry-after"] == "1"
    async with following_stream(server, acme, acme.end) as stream:
        assert stream.status_code == 503


@asynccontextmanager
async def following_stream(server: ServerProcess, acme: Acme, after: int) -> AsyncIterator[httpx.Response]:
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {acme.world.token('owner')}"}
    body = {"query": FOLLOW, "variables": {"after": acme.cursor(after)}}
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("POST", server.http, json=body, headers=headers) as response,
    ):
        yield response


async def lines_of(stream: httpx.Response) -> tuple[list[int], bool]:
    """The numbers of all events up to the end of the stream, and whether it said that it is complete."""
    numbers, complete = [], False
    async with asyncio.timeout(GONE_DEADLINE_S):
        async for line in stream.aiter_lines():
            complete = complete or line == "event: complete"
            if line.startswith("data: {"):
                numbers.append(int(json.loads(line.removeprefix("data: "))["data"]["activityLogged"]["sequence"]))
    return numbers, complete


async def ending_of(socket: Socket) -> tuple[int | None, str | None]:
    async with asyncio.timeout(GONE_DEADLINE_S):
        with pytest.raises(ConnectionClosed):
            await socket.connection.recv()
    return socket.connection.close_code, socket.connection.close_reason


@asynccontextmanager
async def holding_writers(owner: asyncpg.Connection, acme: Acme) -> AsyncIterator[None]:
    """While the block runs, whoever writes to the log waits."""
    async with owner.transaction():
        await owner.execute("SELECT 1 FROM heads WHERE workspace_id = $1 FOR UPDATE", UUID(acme.world.acme))
        yield


async def test_writes_under_way_finish_readers_are_told_and_nobody_new_is_let_in(
    serve: Serve, acme: Acme, owner: asyncpg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    leaving, other = await serve(**PATIENT), await serve()
    token = acme.world.token("service")
    given = [{"inputs": [{"eventType": "a.said", "message": message}]} for message in acme.messages(2)]
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(leaving.http))
        reader = await stack.enter_async_context(acme.reading(leaving))
        writer = await stack.enter_async_context(open_socket(leaving.ws, token))
        stream = await stack.enter_async_context(following_stream(leaving, acme, acme.end))
        async with holding_writers(owner, acme):
            await writer.subscribe(LOG, given[0])
            await until(lambda: is_waiting_for_lock(owner))
            over_http = asyncio.create_task(client.data(LOG, given[1], token=token))
            async with Client(leaving.http) as asking:  # its turn has come when one that came later has had its
                await asking.data("{ viewer { role } }", token=acme.world.token("owner"))
            for _ in range(3):  # who is impatient and asks again does not have anybody cut off
                tell_to_stop(leaving)
                said = await until_leaving(leaving)
            assert said["status"] == "unavailable"
            assert said["checks"] == {
                "lifecycle": "leaving", "database": "ok", "migrations": "ok", "roles": "ok", "writes": "ok", "doorbell": "ok",
            }  # fmt: skip
            await assert_nobody_is_let_in(leaving, acme)
            # Those for whom nothing is on its way are sent away while the others are still waited for.
            assert await ending_of(reader) == RESTART
            assert await lines_of(stream) == ([], False)
        assert await writer.next() == {"data": {"logActivities": {"errors": []}}}
        assert await writer.receive() == {"id": "1", "type": "complete"}
        assert await ending_of(writer) == RESTART
        assert await over_http == {"logActivities": {"errors": []}}
        assert await exit_status(leaving) == 0
    assert capfd.readouterr().err == ""  # none of this is worth a line in the log
    async with acme.reading(other) as reader:
        received = await take(reader, 2)
    # Neither of the two writers waits for the other.
    assert [sequence for sequence, _ in received] == [acme.end + 1, acme.end + 2]
    assert sorted(message for _, message in received) == ["message 1", "message 2"]


async def _say_much(server: ServerProcess, acme: Acme) -> int:
    """Much more than fits between a server and a reader that reads nothing; where the log ends then."""
    inputs = [{"eventType": "a.said", "message": "x" * MESSAGE_BYTES}] * MANY
    async with Client(server.http) as client:
        await client.data(LOG, {"inputs": inputs}, token=acme.world.token("service"))
    return acme.end + MANY


async def test_every_reader_gets_what_was_on_its_way_and_goes_on_elsewhere_without_loss(
    serve: Serve, acme: Acme
) -> None:
    leaving, other = await serve(**PATIENT), await serve()
    async with AsyncExitStack() as stack:
        # One that is in its replay, one that came before all was said, and one over an event stream; none of them reads.
        live, by_live = await _slow_reader(leaving, acme, stack)
        end = await _say_much(other, acme)
        replaying, by_replaying = await _slow_reader(leaving, acme, stack)
        stream = await stack.enter_async_context(following_stream(leaving, acme, acme.end))
        tell_to_stop(leaving)
        await until_leaving(leaving)
        await assert_nobody_is_let_in(leaving, acme)
        for slow in (live, replaying):
            slow.go_on_reading()
        by_live += await live.rest()
        by_replaying += await replaying.rest()
        by_stream, complete = await lines_of(stream)
        for slow in (live, replaying):
            assert (slow.connection.close_code, slow.connection.close_reason) == RESTART
        assert not complete
        assert await exit_status(leaving) == 0
    assert by_live == by_replaying == by_stream == list(range(acme.end + 1, end + 1))
    await acme.say(other, "afterwards")
    async with acme.reading(other, MANY) as again:
        assert await take(again, 1) == [(end + 1, "afterwards")]


async def _slow_reader(server: ServerProcess, acme: Acme, stack: AsyncExitStack) -> tuple[SlowSocket, list[int]]:
    """A reader of all that the test says, which has stopped reading, and what it has read. The server knows what it wants."""
    slow = await stack.enter_async_context(open_slow_socket(server.port, acme.world.token("owner")))
    await slow.subscribe(FOLLOW, {"after": acme.cursor(acme.end)})
    await slow.send({"type": "ping"})
    received = []
    while (frame := await slow.receive())["type"] != "pong":
        received.append(int(frame["payload"]["data"]["activityLogged"]["sequence"]))
    slow.stop_reading()
    return slow, received


async def test_readers_that_never_read_do_not_keep_a_process(serve: Serve, acme: Acme) -> None:
    leaving, other = await serve(**PATIENT | {"TRAILCAST_LEAVING_S": "1"}), await serve()
    async with AsyncExitStack() as stack:
        slow, _ = await _slow_reader(leaving, acme, stack)
        end = await _say_much(other, acme)
        unread = stack.enter_context(narrow_connection(leaving.port))
        body = json.dumps({"query": FOLLOW, "variables": {"after": acme.cursor(acme.end)}})
        head = (
            "POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {acme.world.token('owner')}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(unread, (head + body).encode())
        assert (await loop.sock_recv(unread, 15)) == b"HTTP/1.1 200 OK"
        tell_to_stop(leaving)
        assert await exit_status(leaving) == 0
        # What had left the process still arrives, and is no more and no less than the beginning.
        slow.go_on_reading()
        before = await slow.rest()
    assert before == list(range(acme.end + 1, acme.end + len(before) + 1))
    assert len(before) < MANY
    async with acme.reading(other, len(before)) as again:
        rest = await take(again, MANY - len(before))
    assert [sequence for sequence, _ in rest] == list(range(acme.end + len(before) + 1, end + 1))
