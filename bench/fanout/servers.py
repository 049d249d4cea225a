"""The servers' processes: how each is started, and that it is gone in the end. A server says in its first line where it serves."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.fanout.errors import Failed

ROOT = Path(__file__).resolve().parents[2]
START_DEADLINE_S = 60
STOP_DEADLINE_S = 20
TRAILCAST, FLOOR, STOCK = NAMES = ("trailcast", "floor", "stock")
UNWALLED = "unwalled"  # of `bench.walls`
GROWTH_FLOOR, GROWTH_PLAIN = "growth floor", "growth plain"  # of `bench.growth`
COMMANDS: Mapping[str, tuple[str, ...]] = {
    TRAILCAST: ("trailcast", "serve"),
    FLOOR: ("bench.fanout.floor",),
    STOCK: ("bench.fanout.stock",),
    UNWALLED: ("bench.walls.unwalled",),
    GROWTH_FLOOR: ("bench.growth.floor",),
    GROWTH_PLAIN: ("bench.growth.plain",),
}
# All subscribers speak with one token, from one address; how many may is not what is measured.
UNBOUNDED = {"TRAILCAST_SOCKETS_PER_PRINCIPAL_MAX": "100000", "TRAILCAST_SUBSCRIPTIONS_MAX": "100000"}


@dataclass(frozen=True, slots=True)
class Server:
    """One that serves."""

    name: str
    pid: int
    port: int


@asynccontextmanager
async def serving(name: str, database_url: str | None, bounds: Mapping[str, str] = UNBOUNDED) -> AsyncGenerator[Server]:
    """A server in a process of its own for as long as the block runs."""
    settings = {"HOST": "127.0.0.1", "PORT": "0", "TRAILCAST_LOG_LEVEL": "warning", **bounds}
    if database_url is not None:
        settings["TRAILCAST_DATABASE_URL"] = database_url
    command = (sys.executable, "-m", *COMMANDS[name])
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env={**os.environ, **settings}, stdout=PIPE)
    try:
        yield Server(name, process.pid, await _port(process, name))
    finally:
        await _end(process)


async def _port(process: Process, name: str) -> int:
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), START_DEADLINE_S)).decode()
    except TimeoutError as error:
        raise Failed(f"{name} did not say where it serves within {START_DEADLINE_S} s") from error
    found = re.fullmatch(r"Serving http://127\.0\.0\.1:(\d+)/graphql\n", line)
    if found is None:
        raise Failed(f"{name} did not start: it said {line!r}, and above what else it had to say")
    return int(found[1])


async def _end(process: Process) -> None:
    """Killed, not asked: thousands of goodbyes are not what is measured."""
    if process.returncode is None:
        process.kill()
    async with asyncio.timeout(STOP_DEADLINE_S):
        await process.wait()
