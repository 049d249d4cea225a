"""One measurement: a caller's process against one server, and what both and PostgreSQL used of the CPU meanwhile."""

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from os import sysconf
from pathlib import Path

from bench.fanout.errors import Failed
from bench.fanout.machine import cpu_ns
from bench.fanout.measuring import percentile
from bench.fanout.servers import ROOT, Server
from bench.growth.client import Order, Tally

READY_DEADLINE_S = 120
BEAT_S, STALL_S = 0.1, 2.0  # a busy machine is late by some tenths of a second
LINE_BYTES_MAX = 2**26  # the times of all answers of a turn
TICK_NS = 10**9 // sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Turn:
    """How much is asked in one go: for so many seconds, no more than so many requests, and some before that do not count."""

    seconds: float
    requests_max: int
    warm: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Per request, over one turn; or the medians of several."""

    requests: float
    requests_per_s: float
    server_ms: float
    postgres_ms: float
    client_ms: float
    p50_ms: float
    p99_ms: float
    bytes_per_answer: float

    @property
    def both_ms(self) -> float:
        return self.server_ms + self.postgres_ms


def median(turns: Sequence[Measured]) -> Measured:
    """Each number's own median."""
    return Measured(**{name: statistics.median(asdict(turn)[name] for turn in turns) for name in asdict(turns[0])})


def postgres_ns(postmaster: int) -> int:
    """What all processes of a PostgreSQL have used so far, those included that have ended, which its first process has counted."""
    used = cpu_ns(postmaster)
    for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
        try:
            used += cpu_ns(int(child))
        except OSError:
            continue  # ended just now; it is counted below
    fields = Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()
    return used + (int(fields[13]) + int(fields[14])) * TICK_NS  # cutime and cstime


class Callers:
    """The process that calls. One for a whole bench, since starting it takes longer than a short turn; a new one after a failure."""

    def __init__(self, postmaster: int, directory: Path) -> None:
        self._postmaster, self._file = postmaster, directory / "request"
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    @asynccontextmanager
    async def ready(cls, postmaster: int) -> AsyncGenerator["Callers"]:
        """For as long as the block runs."""
        with tempfile.TemporaryDirectory(prefix="growth-") as directory:
            callers = cls(postmaster, Path(directory))
            try:
                yield callers
            finally:
                await callers._end()

    async def measure(self, server: Server, request: bytes, connections: int, turn: Turn) -> Measured:
        """Run one turn. Raises Failed with the first answer that is not a good one, Stalled where the machine stood still."""
        self._file.write_bytes(request)
        order = Order(server.port, str(self._file), connections, turn.warm, turn.seconds, turn.requests_max)
        async with watching_the_pulse() as pulse:
            try:
                measured = await self._run(server, order)
            except Failed as error:
                await self._end()
                pulse.beat()
                if pulse.stopped:
                    raise Stalled from error
                raise
            pulse.beat()
        if pulse.stopped:
            raise Stalled
        return measured

    async def _run(self, server: Server, order: Order) -> Measured:
        try:
            async with asyncio.timeout(READY_DEADLINE_S + 2 * order.seconds):
                if await self._say(json.dumps(asdict(order))) != "ready\n":
                    raise Failed(f"the caller of {server.name} did not get ready: above is why")
                before = cpu_ns(server.pid), postgres_ns(self._postmaster)
                line = await self._say("")
                after = cpu_ns(server.pid), postgres_ns(self._postmaster)
        except TimeoutError as error:
            raise Failed(f"{server.name} did not answer in time") from error
        if not line:
            raise Failed(f"the caller of {server.name} ended early: above is why")
        tally = Tally(**json.loads(line))
        if tally.failure:
            raise Failed(f"{server.name} answered: {tally.failure}")
        return _measured(tally, after[0] - before[0], after[1] - before[1])

    async def _say(self, line: str) -> str:
        if self._process is None:
            command = (sys.executable, "-m", "bench.growth.client")
            self._process = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, stdin=PIPE, stdout=PIPE, limit=LINE_BYTES_MAX
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        return (await self._process.stdout.readline()).decode()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()


class Stalled(Exception):
    """The whole machine stood still for a while: nothing that was measured then means anything, and what failed failed of that."""


class Pulse:
    """Whether this process, which has next to nothing to do, was kept from doing it."""

    def __init__(self) -> None:
        self.stopped = False
        self._last = time.monotonic()

    def beat(self) -> None:
        now = time.monotonic()
        self.stopped = self.stopped or now - self._last > STALL_S
        self._last = now

    async def go_on(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self.beat()


@asynccontextmanager
async def watching_the_pulse() -> AsyncGenerator[Pulse]:
    """Beating for as long as the block runs."""
    pulse = Pulse()
    beating = asyncio.create_task(pulse.go_on())
    try:
        yield pulse
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating


def _measured(tally: Tally, server_ns: int, postgres: int) -> Measured:
    ordered = sorted(latency / 1e6 for latency in tally.latencies_ns)
    count = tally.requests
    return Measured(
        requests=count,
        requests_per_s=count / tally.elapsed_s,
        server_ms=server_ns / count / 1e6,
        postgres_ms=postgres / count / 1e6,
        client_ms=tally.cpu_s * 1000 / count,
        p50_ms=percentile(ordered, 0.5),
        p99_ms=percentile(ordered, 0.99),
        bytes_per_answer=tally.bytes_per_answer,
    )
