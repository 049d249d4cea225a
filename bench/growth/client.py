"""The caller, in a process of its own: so many connections, each with one request under way, always. Nothing that slows it down.

Requests are ready bytes; of an answer only its head is looked at, its length, and whether it says that it failed. For each
`Order`, a line of JSON, it connects, warms up, says `ready`; on an empty line it begins, and when the time or the requests
are used up and the last answer has come it writes a `Tally`. Whoever started it samples CPU clocks in between. It ends with its input.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import cast

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
GOOD = b"HTTP/1.1 200 "
# A failed GraphQL operation, and problems of a mutation's input: an empty list is none.
FAILURES = (b'"errors":[{', b'"errors": [{')


@dataclass(frozen=True, slots=True)
class Order:
    """`request` is a file that holds the whole request as it goes over the wire."""

    port: int
    request: str
    connections: int
    warm: int
    seconds: float
    requests_max: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of it. Times in seconds, `latencies_ns` in no order; `failure` is the first answer that was not good."""

    requests: int
    elapsed_s: float
    cpu_s: float
    bytes_per_answer: float
    latencies_ns: Sequence[int]
    failure: str = ""


class Caller:
    """All connections of the process, and what they count."""

    def __init__(self) -> None:
        self.left = 0
        self.until_ns = 0
        self.open = 0
        self.bytes = 0
        self.latencies_ns: list[int] = []
        self.failure = ""
        self.idle = asyncio.Event()

    def take(self, now_ns: int) -> bool:
        """Whether another request is to be sent; if not, one connection fewer is at work."""
        if self.left > 0 and now_ns < self.until_ns and not self.failure:
            self.left -= 1
            return True
        self.open -= 1
        if self.open == 0:
            self.idle.set()
        return False

    async def run(self, connections: Sequence["Connection"], requests: int, seconds: float) -> None:
        self.left, self.until_ns = requests, time.monotonic_ns() + int(seconds * 1e9)
        self.bytes, self.latencies_ns, self.open = 0, [], len(connections)
        self.idle.clear()
        for connection in connections:
            connection.next()
        await self.idle.wait()


class Connection(asyncio.Protocol):
    """One kept-alive connection: sends, waits for the whole answer, sends the next."""

    def __init__(self, caller: Caller, request: bytes) -> None:
        self._caller, self._request = caller, request
        self._transport: asyncio.Transport | None = None
        self._sent_ns = 0
        self._parts: list[bytes] = []
        self._missing = 0  # bytes of the answer that are still to come; 0 before its head is known

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own, which derives from another class

    def connection_lost(self, error: Exception | None) -> None:
        if self._sent_ns:
            self._fail(f"the connection broke: {error!r}")

    def next(self) -> None:
        now_ns = time.monotonic_ns()
        self._sent_ns = 0
        if self._caller.take(now_ns) and self._transport is not None:
            self._sent_ns = now_ns
            self._transport.write(self._request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        if self._missing:
            self._missing -= len(data)
            if self._missing:
                return
        else:
            if len(self._parts) > 1:
                self._parts = [b"".join(self._parts)]
            end = self._parts[0].find(b"\r\n\r\n")
            if end < 0:
                return
            length = LENGTH.search(self._parts[0], 0, end + 2)
            self._missing = end + 4 + (int(length[1]) if length else 0) - len(self._parts[0])
            if self._missing > 0:
                return
        answer = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._missing = [], 0
        self._caller.latencies_ns.append(time.monotonic_ns() - self._sent_ns)
        self._caller.bytes += len(answer)
        if not answer.startswith(GOOD) or any(sign in answer for sign in FAILURES):
            self._fail(answer[:2000].decode(errors="replace"))
        self.next()

    def _fail(self, what: str) -> None:
        caller = self._caller
        caller.failure = caller.failure or what
        caller.left = 0
        if self._transport is not None and self._transport.is_closing():
            self._sent_ns = 0
            caller.idle.set()


async def call(order: Order, request: bytes) -> Tally:
    """Warm up, wait for the word, and run."""
    caller = Caller()
    loop = asyncio.get_running_loop()
    connections = [Connection(caller, request) for _ in range(order.connections)]
    for connection in connections:
        await loop.create_connection(partial(_same, connection), "127.0.0.1", order.port)
    await caller.run(connections, order.warm, order.seconds)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    began_ns, used_ns = time.monotonic_ns(), time.process_time_ns()
    await caller.run(connections, order.requests_max, order.seconds)
    elapsed_s, cpu_s = (time.monotonic_ns() - began_ns) / 1e9, (time.process_time_ns() - used_ns) / 1e9
    for connection in connections:
        connection.close()
    count = len(caller.latencies_ns)
    return Tally(count, elapsed_s, cpu_s, caller.bytes / max(1, count), caller.latencies_ns, caller.failure)


def _same(connection: Connection) -> Connection:
    return connection


def main() -> None:
    for line in iter(sys.stdin.readline, ""):
        order = Order(**json.loads(line))
        tally = uvloop.run(call(order, Path(order.request).read_bytes()))
        print(json.dumps(asdict(tally)), flush=True)


if __name__ == "__main__":
    main()
