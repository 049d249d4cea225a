"""The npm graphql-ws client, as it comes, stops in the middle of everything, as a laptop that is closed: what happens when it wakes.

The process is really stopped. The server has to have dropped its socket before it is woken, in a way that graphql-ws does not take
for fatal: it comes back by itself, and gets what it missed, once and in order.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.acme import LOG, Acme, Received
from tests.acceptance.conftest import Serve
from tests.acceptance.npm import Node, running_node
from tests.acceptance.processes import ServerProcess
from tests.support.clients import Client
from tests.support.waiting import until

IMPATIENT = {
    "TRAILCAST_SOCKET_PING_S": "0.5",
    "TRAILCAST_SOCKET_PONG_S": "0.5",
    "TRAILCAST_SOCKET_STALL_S": "1",
    "TRAILCAST_PEER_TIMEOUT_S": "2",
}
# Codes that graphql-ws comes back after. Not 1011, which uvicorn closes with by itself.
TAKEN_FOR_PASSING = {4410, 1006}
ESTABLISHED = "01"
# More than the kernel's buffers of both sides hold.
COMMENT_BYTES, COMMENTS_PER_BATCH, BATCHES = 16_000, 200, 4


@dataclass
class Sleeper:
    """The client in its process, which can be stopped and woken. `closed` are the codes that it saw its sockets close with."""

    node: Node
    process: asyncio.subprocess.Process
    closed: list[int] = field(default_factory=list)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def events(self, count: int) -> Received:
        """So many events, with nothing between them but the news of closed and new connections."""
        found: Received = []
        while len(found) < count:
            kind, value = await self.node.next()
            if kind == "closed":
                self.closed.append(value)
                continue
            if (kind, value) == ("connected", "again"):
                continue
            assert kind == "event", (kind, value)
            found.append((value[0], value[1]))
        return found


@asynccontextmanager
async def sleeper(server: ServerProcess, acme: Acme) -> AsyncIterator[Sleeper]:
    arguments = (server.ws, acme.world.token("owner"), acme.cursor(acme.end))
    async with running_node("stock.mjs", *arguments) as process:
        client = Sleeper(Node(process), process)
        assert await client.node.value("connected") == "first"
        yield client


def has_connections(server: ServerProcess) -> bool:
    """Whether any connection to this server stands, as the kernel sees it from the server's side."""
    here = f"0100007F:{server.port:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any((row[1], row[3]) == (here, ESTABLISHED) for row in rows)


async def say_much(server: ServerProcess, acme: Acme) -> list[str]:
    """Some megabytes of events."""
    said: list[str] = []
    async with Client(server.http) as client:
        for _ in range(BATCHES):
            messages = [message.ljust(COMMENT_BYTES, ".") for message in acme.messages(COMMENTS_PER_BATCH)]
            inputs = [{"eventType": "a.said", "message": message} for message in messages]
            data = await client.data(LOG, {"inputs": inputs}, token=acme.world.token("service"))
            assert data["logActivities"]["errors"] == []
            said += messages
    return said


async def test_one_that_slept_while_nothing_happened_comes_back_and_misses_nothing(serve: Serve, acme: Acme) -> None:
    server = await serve(**IMPATIENT)
    first, meanwhile, after = acme.messages(2), acme.messages(3), acme.messages(2)
    async with sleeper(server, acme) as client:
        await acme.say(server, *first)
        received = await client.events(2)
        client.stop()
        await until(lambda: not has_connections(server))
        await acme.say(server, *meanwhile)
        client.wake()
        received += await client.events(3)
        await acme.say(server, *after)
        received += await client.events(2)
    assert received == acme.expected([*first, *meanwhile, *after])
    assert set(client.closed) <= TAKEN_FOR_PASSING
    assert client.closed != []


async def test_one_that_slept_while_much_happened_comes_back_and_misses_nothing(serve: Serve, acme: Acme) -> None:
    server = await serve(**IMPATIENT)
    first = acme.messages(2)
    async with sleeper(server, acme) as client:
        await acme.say(server, *first)
        received = await client.events(2)
        client.stop()
        much = await say_much(server, acme)
        await until(lambda: not has_connections(server))
        client.wake()
        received += await client.events(len(much))
        after = acme.messages(2)
        await acme.say(server, *after)
        received += await client.events(2)
    assert received == acme.expected([*first, *much, *after])
    assert set(client.closed) <= TAKEN_FOR_PASSING
    assert client.closed != []
