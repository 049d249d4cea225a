"""Publishing at a rate, whoever takes it, and when each comment came to be.

A comment comes to be when it is final and its server has not been told yet: for the product between the commit and the ring
(`ledger`), for the others when the request that tells them is written. So the way into the server counts for all three, the
write to the database for none. The rate does not wait for readers: a server that falls behind gets the next comment in time.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from bench.fanout.comments import Comment
from bench.fanout.http1 import read_status, request

NO_CONTENT = 204


class Publisher(Protocol):
    """Whoever brings comments into the world."""

    async def publish(self, comment: Comment) -> int:
        """Publish it; when it came to be, in nanoseconds of CLOCK_MONOTONIC."""

    async def settle(self) -> None:
        """Wait until everything published was taken."""


class HttpPublisher:
    """Fires by POST. Requests are written one after another on one connection; their answers are read when all are written."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._reader = reader
        self._unanswered = 0

    async def publish(self, comment: Comment) -> int:
        self._unanswered += 1
        now = time.monotonic_ns()
        self._writer.write(request("POST", f"/fire?board={comment.board}&serial={comment.serial}"))
        return now

    async def settle(self) -> None:
        while self._unanswered:
            status = await read_status(self._reader)
            assert status == NO_CONTENT, status
            self._unanswered -= 1

    @classmethod
    @asynccontextmanager
    async def connected(cls, port: int) -> AsyncGenerator["HttpPublisher"]:
        """Ready to publish for as long as the block runs."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()


async def publish_all(publisher: Publisher, comments: Sequence[Comment], rate: float) -> dict[int, int]:
    """Publish so many a second; when each came to be, by serial."""
    began = time.monotonic()
    times_ns = {}
    for number, comment in enumerate(comments):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        times_ns[comment.serial] = await publisher.publish(comment)
    await publisher.settle()
    return times_ns
