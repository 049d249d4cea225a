"""The process of the sockets (`client`), seen from the one that publishes: what to tell it, what it tells, when it fails."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from bench.fanout.client import Arrivals, Plan
from bench.fanout.errors import Failed
from bench.fanout.servers import ROOT

GRACE_S = 60.0
LINE_BYTES_MAX = 1 << 30  # the arrivals of a whole run are one line


class Crowd:
    """Subscribers in a process of their own."""

    def __init__(self, process: Process, plan: Plan) -> None:
        self._process = process
        self._plan = plan

    @property
    def pid(self) -> int:
        return self._process.pid

    async def connect(self, count: int) -> int:
        """So many more sockets, let in; how many there are."""
        connected: int = await self._ask("connect", count)
        return connected

    async def warm(self) -> None:
        """Return when every socket has received something."""
        await self._ask("warm")

    async def expect(self, deliveries: int) -> int:
        """Return when so many have arrived, or the time is up: how many have."""
        arrived: int = await self._ask("expect", deliveries)
        return arrived

    async def report(self) -> Arrivals:
        """Everything that has arrived, once nothing more does."""
        return Arrivals(**await self._ask("report"))

    async def _ask(self, command: str, value: object = None) -> Any:
        """The answer to a command. Raises Failed."""
        await self._tell([command, value])
        assert self._process.stdout is not None
        # The client keeps the deadline itself, and says more than that it is over.
        deadline_s = self._plan.deadline_s + GRACE_S
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), deadline_s)
        except TimeoutError as error:
            raise Failed(f"the process of the sockets did not answer {command!r} within {deadline_s:.0f} s") from error
        said = json.loads(line) if line else {"kind": "failed", "value": "the process of the sockets ended"}
        if said["kind"] != command:
            raise Failed(f"during {command!r}: {said['value']}")
        return said["value"]

    async def _tell(self, message: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    @classmethod
    @asynccontextmanager
    async def running(cls, plan: Plan) -> AsyncGenerator["Crowd"]:
        """For as long as the block runs, a crowd, which is empty at first."""
        command = (sys.executable, "-m", "bench.fanout.client")
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdin=PIPE, stdout=PIPE, limit=LINE_BYTES_MAX
        )
        crowd = cls(process, plan)
        try:
            await crowd._tell(asdict(plan))
            yield crowd
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
