"""From nothing to a server with so many subscribers, all of which are known to be subscribed, and everything at rest.

The protocol has no word for "your subscription has begun". So sockets are opened in bursts, each when the server has done with the
one before, and in the end comments are published until every socket has received one.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bench.fanout.client import Plan
from bench.fanout.comments import Comment
from bench.fanout.crowd import Crowd
from bench.fanout.errors import Failed
from bench.fanout.ledger import LedgerPublisher, Place
from bench.fanout.machine import cpu_percent, rss_kib
from bench.fanout.options import Options
from bench.fanout.probing import first_answer
from bench.fanout.publishing import HttpPublisher, Publisher
from bench.fanout.servers import TRAILCAST, Server, serving

BURST = 50  # sockets that are opened at once
BURST_LOOK_S, BURST_CPU_PERCENT_MAX = 0.05, 30.0  # a server that uses less over a look has done with a burst
CALM_CPU_PERCENT_MAX = 5.0  # and one that uses less than this has settled
WARM_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Audience:
    """A server whose subscribers wait for comments, and what each has cost it in memory."""

    server: Server
    crowd: Crowd
    publisher: Publisher
    kib_per_subscriber: float


@asynccontextmanager
async def subscribed(name: str, subscribers: int, options: Options, place: Place | None) -> AsyncGenerator[Audience]:
    """An audience for as long as the block runs. `place` is where the product reads. Raises Failed."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(name, None if place is None else place.url))
        await first_answer(server.port, options.deadline_s)
        publisher: Publisher
        if name == TRAILCAST:
            assert place is not None
            publisher = await stack.enter_async_context(LedgerPublisher.connected(place))
        else:
            publisher = await stack.enter_async_context(HttpPublisher.connected(server.port))
        await _settled(server.pid, options)
        before_kib = rss_kib(server.pid)
        token = "-" if place is None else place.reader_token
        plan = Plan(server.port, subscribers, options.boards, token, options.deadline_s)
        crowd = await stack.enter_async_context(Crowd.running(plan))
        await _connect(crowd, server.pid, subscribers)
        await _warm(crowd, publisher, options)
        await _settled(server.pid, options)
        yield Audience(server, crowd, publisher, (rss_kib(server.pid) - before_kib) / subscribers)


async def _connect(crowd: Crowd, pid: int, subscribers: int) -> None:
    connected = 0
    while connected < subscribers:
        connected = await crowd.connect(min(BURST, subscribers - connected))
        while await cpu_percent(pid, BURST_LOOK_S) > BURST_CPU_PERCENT_MAX:
            pass


async def _warm(crowd: Crowd, publisher: Publisher, options: Options) -> None:
    warm = asyncio.create_task(crowd.warm())
    serial = 0
    try:
        while not warm.done():
            for board in range(options.boards):
                await publisher.publish(Comment(serial, board))
                serial += 1
            await publisher.settle()
            await asyncio.wait([warm], timeout=WARM_EVERY_S)
        await warm
    finally:
        warm.cancel()


async def _settled(pid: int, options: Options) -> None:
    """Return when the process does next to nothing and its memory stays as it is."""
    kib, end = -1, time.monotonic() + options.deadline_s
    while True:
        percent = await cpu_percent(pid, options.look_s)
        before, kib = kib, rss_kib(pid)
        if percent < CALM_CPU_PERCENT_MAX and kib == before:
            return
        if time.monotonic() > end:
            raise Failed(f"the server did not settle within {options.deadline_s:.0f} s: {percent:.0f} % CPU, {kib} KiB")
