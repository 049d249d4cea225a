"""Readers that stop reading: a socket over a connection that holds little, and whose program can leave it unread and go on."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.clients import RECEIVE_TIMEOUT_S, SUBPROTOCOL, Socket

# The less a kernel holds, the fewer events it takes until a reader that reads nothing is felt. Much smaller, and it deals in crumbs.
RECEIVE_BUFFER_BYTES = 32_768


def narrow_connection(port: int) -> socket.socket:
    """A connection to a server on the loopback, with little room for what is not read."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    narrow.connect(("127.0.0.1", port))
    narrow.setblocking(False)
    return narrow


class SlowSocket(Socket):
    """A socket that reads when it is told to."""

    def stop_reading(self) -> None:
        self.connection.transport.pause_reading()

    def go_on_reading(self) -> None:
        self.connection.transport.resume_reading()

    async def rest(self) -> list[int]:
        """The numbers of the events that still come, up to the end of the connection."""
        received: list[int] = []
        async with asyncio.timeout(RECEIVE_TIMEOUT_S):
            try:
                while True:
                    frame = json.loads(await self.connection.recv())
                    if frame["type"] == "next":
                        received.append(int(frame["payload"]["data"]["activityLogged"]["sequence"]))
            except ConnectionClosed:
                return received

    async def take(self, count: int) -> list[int]:
        """The numbers of the next so many events."""
        return [int((await self.next())["data"]["activityLogged"]["sequence"]) for _ in range(count)]


@asynccontextmanager
async def open_slow_socket(port: int, token: str) -> AsyncGenerator[SlowSocket]:
    """One that was let in. At the end it is cut off without a word."""
    narrow = narrow_connection(port)
    url = f"ws://127.0.0.1:{port}/graphql"
    async with connect(
        url,
        sock=narrow,
        subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
        open_timeout=15,
        close_timeout=5,
        ping_interval=None,
        max_queue=None,
    ) as connection:
        slow = SlowSocket(connection)
        await slow.acknowledge({"Authorization": f"Bearer {token}"})
        try:
            yield slow
        finally:
            connection.transport.abort()
