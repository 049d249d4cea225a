"""One run: one server, so many subscribers, so many comments, and what came of it, socket by socket."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.fanout.client import Arrivals
from bench.fanout.comments import Comment, measured
from bench.fanout.errors import Failed
from bench.fanout.ledger import Place
from bench.fanout.machine import cpu_ns, cpu_percent
from bench.fanout.options import Options
from bench.fanout.probing import Probe
from bench.fanout.publishing import publish_all
from bench.fanout.subscribing import Audience, subscribed


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stretch of time has cost: CPU of the server and of the sockets' process, the longest wait of the probe."""

    server_ns: int
    client_ns: int
    longest_pause_ms: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out of one run."""

    server: str
    subscribers: int
    comments_per_s: float
    deliveries: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_us_per_delivery: float
    longest_pause_ms: float
    kib_per_subscriber: float
    idle_cpu_percent: float
    missed: int
    repeated: int
    bytes_per_delivery: float
    client_cpu_percent: float
    seconds: float


async def measure(name: str, subscribers: int, options: Options, place: Place | None) -> Measured:
    """Run one server with so many subscribers. Raises Failed."""
    comments = measured(options.events, options.boards)
    wanted = wanted_deliveries(comments, subscribers, options.boards)
    async with subscribed(name, subscribers, options, place) as audience:
        idle_percent = await cpu_percent(audience.server.pid, options.idle_s)
        times_ns, cost = await _deliver(audience, comments, len(wanted), options)
        arrivals = await audience.crowd.report()
    missed, repeated = count_faults(arrivals, wanted)
    arrived = zip(arrivals.serials, arrivals.times_ns, strict=True)
    waits_ms = sorted((at_ns - times_ns[serial]) / 1e6 for serial, at_ns in arrived)
    if not waits_ms:
        raise Failed(f"{name} delivered nothing of {len(wanted)} within {options.deadline_s:.0f} s")
    return Measured(
        server=name,
        subscribers=subscribers,
        comments_per_s=rate(list(times_ns.values())),
        deliveries=len(waits_ms),
        p50_ms=percentile(waits_ms, 0.5),
        p99_ms=percentile(waits_ms, 0.99),
        max_ms=waits_ms[-1],
        cpu_us_per_delivery=cost.server_ns / 1e3 / len(waits_ms),
        longest_pause_ms=cost.longest_pause_ms,
        kib_per_subscriber=audience.kib_per_subscriber,
        idle_cpu_percent=idle_percent,
        missed=missed,
        repeated=repeated,
        bytes_per_delivery=arrivals.bytes / len(waits_ms),
        client_cpu_percent=cost.client_ns / 1e7 / cost.seconds,
        seconds=cost.seconds,
    )


async def _deliver(
    audience: Audience, comments: Sequence[Comment], expected: int, options: Options
) -> tuple[dict[int, int], Cost]:
    """From the first comment to the last delivery: when each comment came to be, and what it all cost."""
    server, client = audience.server.pid, audience.crowd.pid
    async with Probe.running(audience.server.port) as probe:
        began, server_ns, client_ns = time.monotonic(), cpu_ns(server), cpu_ns(client)
        times_ns = await publish_all(audience.publisher, comments, options.rate)
        await audience.crowd.expect(expected)
        cost = Cost(
            server_ns=cpu_ns(server) - server_ns,
            client_ns=cpu_ns(client) - client_ns,
            longest_pause_ms=probe.longest_ms,
            seconds=time.monotonic() - began,
        )
    return times_ns, cost


def wanted_deliveries(comments: Sequence[Comment], subscribers: int, boards: int) -> set[tuple[int, int]]:
    """Which socket has to get which serial."""
    return {(socket, comment.serial) for comment in comments for socket in range(comment.board, subscribers, boards)}


def count_faults(arrivals: Arrivals, wanted: set[tuple[int, int]]) -> tuple[int, int]:
    """How many deliveries are missing and how many came more than once. Raises Failed for one that nobody had asked for."""
    arrived = set(zip(arrivals.sockets, arrivals.serials, strict=True))
    if stray := arrived - wanted:
        raise Failed(f"{len(stray)} deliveries went to sockets that had not asked for them, {min(stray)} the first")
    return len(wanted - arrived), len(arrivals.serials) - len(arrived)


def percentile(ordered: Sequence[float], share: float) -> float:
    """By the nearest rank."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def rate(times_ns: Sequence[int]) -> float:
    """How many a second these are, first to last."""
    seconds = (max(times_ns) - min(times_ns)) / 1e9
    return (len(times_ns) - 1) / seconds if seconds else 0.0
