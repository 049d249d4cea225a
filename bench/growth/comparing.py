"""The whole comparison on one database: the servers' answers are held against each other, and each workload is measured in turns.

All servers stand at once, and of all turns only one runs at a time. In each repeat every server has its turn, so what else the machine
does falls on all alike. Reads come first; writes make the log larger, and `trim` takes them back before the next size or run.
"""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from bench.fanout.errors import Failed
from bench.fanout.machine import rss_kib
from bench.fanout.probing import first_answer
from bench.fanout.servers import GROWTH_FLOOR, START_DEADLINE_S, Server, serving
from bench.growth.measuring import Callers, Measured, Stalled, Turn, median
from bench.growth.place import Place
from bench.growth.wire import answer_to
from bench.growth.workloads import WORKLOADS, Workload
from trailcast.ledger.database import driver_url

# What one caller may ask for is not what is measured; a trail has to fit on a page.
BOUNDS = {
    "TRAILCAST_REQUESTS_PER_S": "0",
    "TRAILCAST_COST_PER_S": "0",
    "TRAILCAST_PAGE_SIZE_MAX": "400",
    "TRAILCAST_REQUEST_TIMEOUT_S": "120",
}
WARM_PER_CONNECTION = 20
EVENTS_PER_TURN_MAX = 40_000  # that a workload may write in one turn
STALLS_MAX = 5
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured."""

    connections: Sequence[int] = (1, 32)
    repeats: int = 3
    seconds: float = 2.0
    requests_max: int = 100_000
    servers: Sequence[str] = ()
    workloads: Sequence[Workload] = WORKLOADS


@dataclass(frozen=True, slots=True)
class Result:
    """Medians of the repeats. `way` is which of the floor's it was."""

    workload: str
    server: str
    connections: int
    way: str
    measured: Measured


@dataclass(slots=True)
class Run:
    """All that came out at one size."""

    events: int
    deep_page: int
    rows: dict[str, list[Any]] = field(default_factory=dict)  # what the reads bring, the same from all servers
    results: list[Result] = field(default_factory=list)
    start_s: dict[str, float] = field(default_factory=dict)
    rss_kib: dict[str, int] = field(default_factory=dict)

    def find(self, workload: str, server: str, connections: int) -> Measured | None:
        """What was measured; of the floor's ways the one that takes the least CPU in all."""
        found = [
            result.measured
            for result in self.results
            if (result.workload, result.server, result.connections) == (workload, server, connections)
        ]
        return min(found, key=lambda measured: measured.both_ms, default=None)


@dataclass(frozen=True, slots=True)
class Bench:
    """What stands while a size is measured."""

    place: Place
    callers: Callers
    watching: asyncpg.Connection  # sees how long the log is
    servers: Sequence[Server]
    options: Options
    run: Run
    say: Say


async def compare(place: Place, postmaster: int, options: Options, run: Run, say: Say) -> None:
    """Everything on this database, into `run`. Raises Failed where the servers do not answer alike, or one does not answer."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(_started(name, place, run)) for name in options.servers]
        callers = await stack.enter_async_context(Callers.ready(postmaster))
        watching = await stack.enter_async_context(_connected(place.url))
        bench = Bench(place, callers, watching, servers, options, run, say)
        # Reads first, on the log as it was made: what is written to see whether the servers agree lies on top of it.
        for writes in (False, True):
            some = [workload for workload in options.workloads if bool(workload.writes) is writes]
            for workload in some:
                await agree(bench, workload)
            for workload in some:
                for connections in options.connections:
                    say(f"{workload.name} {workload.title}, {connections} connections…")
                    await _measure(bench, workload, connections)
        run.rss_kib = {server.name: rss_kib(server.pid) for server in servers}


async def agree(bench: Bench, workload: Workload) -> None:
    """Ask each server once. Reads must bring the same rows, writes as many events as were sent."""
    answers: dict[str, list[Any]] = {}
    for server, way in _all_ways(bench, workload):
        before = await _last_sequence(bench)
        answer = await answer_to(server.port, workload.request(server.name, bench.place, way))
        rows = workload.rows(answer.get("data", answer))
        if not workload.writes:
            answers[server.name + way] = rows
            continue
        written = await _last_sequence(bench) - before
        numbers = [int(row["sequence"]) for row in rows]
        if written != workload.writes or numbers != list(range(before + 1, before + 1 + written)):
            raise Failed(f"{server.name} wrote {written} events in {workload.name}, and told of {len(rows)}")
    if answers:
        bench.run.rows[workload.name] = the_same(workload.name, answers)


def the_same(workload: str, answers: Mapping[str, list[Any]]) -> list[Any]:
    """What all have answered. Raises Failed where that is not one and the same."""
    first = next(iter(answers))
    for name, rows in answers.items():
        if rows != answers[first]:
            raise Failed(f"the servers do not answer {workload} alike: {first} {answers[first]}, {name} {rows}")
    return answers[first]


def _all_ways(bench: Bench, workload: Workload) -> list[tuple[Server, str]]:
    return [
        (server, way)
        for server in bench.servers
        for way in (workload.ways if server.name == GROWTH_FLOOR else workload.ways[:1])
    ]


async def _measure(bench: Bench, workload: Workload, connections: int) -> None:
    options = bench.options
    ways = _all_ways(bench, workload)
    turns: list[list[Measured]] = [[] for _ in ways]
    requests_max, warm = options.requests_max, connections * WARM_PER_CONNECTION
    if workload.writes:
        requests_max = min(requests_max, max(connections, EVENTS_PER_TURN_MAX // workload.writes))
        warm = max(1, warm // workload.writes)
    turn = Turn(options.seconds, requests_max, min(warm, requests_max))
    for repeat in range(options.repeats):
        for step in range(len(ways)):
            at = (step + repeat) % len(ways)  # each is first in some repeat
            turns[at].append(await _take_turn(bench, workload, connections, turn, ways[at]))
    for (server, way), some in zip(ways, turns, strict=True):
        bench.run.results.append(Result(workload.name, server.name, connections, way, median(some)))


async def _take_turn(
    bench: Bench, workload: Workload, connections: int, turn: Turn, whose: tuple[Server, str]
) -> Measured:
    """One turn, taken again where the machine stood still."""
    server, way = whose
    for _ in range(STALLS_MAX):
        before = await _last_sequence(bench)
        try:
            request = workload.request(server.name, bench.place, way)
            measured = await bench.callers.measure(server, request, connections, turn)
        except Stalled:
            bench.say("  the machine stood still: this turn is taken again")
            await first_answer(server.port, START_DEADLINE_S)
            continue
        check_written(server, workload, await _last_sequence(bench) - before, int(measured.requests), turn.warm)
        return measured
    raise Failed(f"the machine stood still in {STALLS_MAX} turns of {server.name} in a row")


def check_written(server: Server, workload: Workload, grown: int, requests: int, warm: int) -> None:
    """The log has grown by what was asked for and by nothing else. The warm-up may end early, with its time."""
    least, most = requests * workload.writes, (requests + warm) * workload.writes
    if not least <= grown <= most or (workload.writes and grown % workload.writes):
        raise Failed(f"{server.name}: {requests} requests of {workload.name}, and the log has grown by {grown} events")


async def _last_sequence(bench: Bench) -> int:
    query = "SELECT last_sequence FROM heads WHERE workspace_id = $1"
    last: int = await bench.watching.fetchval(query, bench.place.log.workspace_id)
    return last


@asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(driver_url(url))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _started(name: str, place: Place, run: Run) -> AsyncGenerator[Server]:
    """A server that answers; notes how long that took."""
    began = time.monotonic()
    async with serving(name, place.url, BOUNDS) as server:
        await first_answer(server.port, START_DEADLINE_S)
        run.start_s[name] = time.monotonic() - began
        yield server
