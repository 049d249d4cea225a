"""The sockets: a process that subscribes many times, notes the arrival of each comment, and judges nothing.

It is told by lines of JSON on standard input and tells by lines on standard output. First comes a `Plan`, then commands, each
answered under its name when it is done: `connect` (so many more sockets, until they are let in), `warm` (until every socket has
received something), `expect` (so many deliveries, or the deadline), `report` (until it has become quiet; the `Arrivals`).
Whatever is unforeseen is told as `failed`, at once.
"""

import asyncio
import contextlib
import gc
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, NoReturn, cast

import uvloop

from bench.fanout import wire
from bench.fanout.comments import DOCUMENT, FIRST_MEASURED, MARK, SERIAL_DIGITS, board_of, identity

QUIET_S = 0.3  # without a delivery, before the books are closed: what is repeated, is repeated soon
SIGN = MARK.encode()


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to connect, how often, as whom."""

    port: int
    subscribers: int
    boards: int
    token: str
    deadline_s: float


@dataclass(slots=True)
class Arrivals:
    """Every delivery of a measured comment: on which socket, of which serial, when (CLOCK_MONOTONIC), how many bytes."""

    sockets: list[int]
    serials: list[int]
    times_ns: list[int]
    bytes: int = 0


def say(kind: str, value: object = None) -> None:
    print(json.dumps({"kind": kind, "value": value}), flush=True)


class Subscriber(asyncio.Protocol):
    """One socket with one subscription. The path of a delivery is as short as it can be: the client must not be what is measured."""

    def __init__(self, number: int, crowd: "Crowd") -> None:
        self._number = number
        self._crowd = crowd
        self._rest = b""
        self._is_open = False
        self._transport: asyncio.Transport
        self.acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(wire.handshake(self._crowd.plan.port))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if self._rest:
            data = self._rest + data
        if not self._is_open:
            data = self._open(data)
        frames, whole = wire.split(data)
        self._rest = data[whole:]
        for opcode, start, end in frames:
            mark = data.find(SIGN, start, end) if opcode == wire.TEXT else -1
            if mark < 0:
                self._hear(opcode, data[start:end])
                continue
            self._crowd.note(self._number, int(data[mark + 1 : mark + 1 + SERIAL_DIGITS]), now, end - start)

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.fail(f"socket {self._number} was lost: {exc or 'closed by the server'}")

    def _open(self, data: bytes) -> bytes:
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            self._rest = data
            return b""
        if not head.startswith(b"HTTP/1.1 101"):
            self._crowd.fail(f"socket {self._number} was refused: {head[:200]!r}")
        self._is_open = True
        self._send({"type": "connection_init", "payload": {"Authorization": f"Bearer {self._crowd.plan.token}"}})
        return rest

    def _hear(self, opcode: int, payload: bytes) -> None:
        """Whatever is no delivery."""
        if opcode == wire.PING:
            self._transport.write(wire.frame(payload, wire.PONG))
        elif opcode == wire.TEXT and b'"connection_ack"' in payload:
            variables = {"board": identity("board", board_of(self._number, self._crowd.plan.boards))}
            self._send({"id": "1", "type": "subscribe", "payload": {"query": DOCUMENT, "variables": variables}})
            self.acknowledged.set_result(None)
        elif opcode == wire.TEXT and b'"ping"' in payload:
            self._send({"type": "pong"})
        else:
            self._crowd.fail(f"socket {self._number} received {opcode:#x} {payload[:300]!r}")

    def _send(self, message: object) -> None:
        self._transport.write(wire.frame(json.dumps(message).encode()))


class Crowd:
    """All the sockets, and what arrived on them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._acknowledged = 0
        self._warm = set[int]()
        self._all_warm = asyncio.Event()
        self._arrivals = Arrivals([], [], [])
        self._expected = -1
        self._all_arrived = asyncio.Event()

    def note(self, number: int, serial: int, now_ns: int, length: int) -> None:
        arrivals = self._arrivals
        if serial >= FIRST_MEASURED:
            arrivals.sockets.append(number)
            arrivals.serials.append(serial)
            arrivals.times_ns.append(now_ns)
            arrivals.bytes += length
            if len(arrivals.serials) == self._expected:
                self._all_arrived.set()
            return
        self._warm.add(number)
        if len(self._warm) == self.plan.subscribers:
            self._all_warm.set()

    def fail(self, why: str) -> NoReturn:
        say("failed", why)
        os._exit(1)  # from wherever it is called: the sockets that are left have nothing to say

    async def connect(self, count: int) -> int:
        """Open so many more sockets; return when all are let in and have sent their subscription: how many there are."""
        numbers = range(self._acknowledged, self._acknowledged + count)
        try:
            await asyncio.wait_for(asyncio.gather(*map(self._connect, numbers)), self.plan.deadline_s)
        except TimeoutError:
            self.fail(f"{self._acknowledged} sockets were let in, and no more within {self.plan.deadline_s:.0f} s")
        return self._acknowledged

    async def warm(self) -> int:
        """Return when every socket has received something, and so is known to be subscribed."""
        try:
            await asyncio.wait_for(self._all_warm.wait(), self.plan.deadline_s)
        except TimeoutError:
            self.fail(
                f"{len(self._warm)} of {self._acknowledged} received something within {self.plan.deadline_s:.0f} s"
            )
        gc.collect()
        gc.freeze()
        return len(self._warm)

    async def expect(self, deliveries: int) -> int:
        """Return when so many have arrived, or when the time is up: how many have."""
        self._expected = deliveries
        if len(self._arrivals.serials) < deliveries:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_arrived.wait(), self.plan.deadline_s)
        return len(self._arrivals.serials)

    async def report(self) -> Arrivals:
        """Everything that has arrived, once nothing more does."""
        while True:
            before = len(self._arrivals.serials)
            await asyncio.sleep(QUIET_S)
            if len(self._arrivals.serials) == before:
                return self._arrivals

    async def _connect(self, number: int) -> None:
        _, subscriber = await asyncio.get_running_loop().create_connection(
            lambda: Subscriber(number, self), "127.0.0.1", self.plan.port
        )
        await subscriber.acknowledged
        self._acknowledged += 1


def fail_loudly(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """For what goes wrong in a callback, which would otherwise be a line that nobody reads and a wait until the deadline."""
    say("failed", f"{context['message']}: {context.get('exception')!r}")
    os._exit(1)


async def run() -> None:
    asyncio.get_running_loop().set_exception_handler(fail_loudly)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    crowd = Crowd(Plan(**json.loads(await reader.readline())))
    async for line in reader:
        command, value = json.loads(line)
        if command == "connect":
            say(command, await crowd.connect(value))
        elif command == "warm":
            say(command, await crowd.warm())
        elif command == "expect":
            say(command, await crowd.expect(value))
        elif command == "report":
            say(command, asdict(await crowd.report()))
    os._exit(0)  # whoever started this has gone; thousands of goodbyes are no use to anybody


if __name__ == "__main__":
    uvloop.run(run())
