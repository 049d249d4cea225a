"""The pauses of a server, seen from outside: how long a tiny request on an open connection waits for its answer.

A server is one event loop; while that does something else for 100 ms, `GET /livez` is answered 100 ms late. The longest wait is
the longest pause, and what a connection of any other kind would have felt.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bench.fanout.errors import Failed
from bench.fanout.http1 import read_status, request

EVERY_S = 0.02


async def first_answer(port: int, deadline_s: float) -> None:
    """Return when the server answers at all, which is later than that it listens. Raises Failed."""
    try:
        async with asyncio.timeout(deadline_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request("GET", "/livez"))
            await read_status(reader)
            writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise Failed(f"the server gave no first answer within {deadline_s:.0f} s: {error!r}") from error


class Probe:
    """Asks again and again; `waits_ns` are the times to the answers."""

    def __init__(self) -> None:
        self.waits_ns: list[int] = []
        self._asked_ns: int | None = None

    @property
    def longest_ms(self) -> float:
        """The longest wait, that of a request which is still open included."""
        waiting = [] if self._asked_ns is None else [time.monotonic_ns() - self._asked_ns]
        return max((*self.waits_ns, *waiting), default=0) / 1e6

    @classmethod
    @asynccontextmanager
    async def running(cls, port: int) -> AsyncGenerator["Probe"]:
        """Asking for as long as the block runs."""
        probe = cls()
        asking = asyncio.create_task(probe._ask(port))
        try:
            yield probe
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking

    async def _ask(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                self._asked_ns = time.monotonic_ns()
                writer.write(request("GET", "/livez"))
                await self._read(reader)
                waited_ns, self._asked_ns = time.monotonic_ns() - self._asked_ns, None
                self.waits_ns.append(waited_ns)
                await asyncio.sleep(max(0.0, EVERY_S - waited_ns / 1e9))
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            await read_status(reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Failed(f"the server broke the connection of the probe: {error!r}") from error
