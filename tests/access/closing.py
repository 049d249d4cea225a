"""Waiting for the server to end a socket, with a deadline: one that stays open is a failure and not a test without an end."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed

from tests.support.clients import RECEIVE_TIMEOUT_S, Socket


@dataclass(frozen=True)
class Ending:
    """What came before the end, and how the server put it."""

    frames: list[str]
    code: int | None
    reason: str | None


FORBIDDEN = (4403, "Forbidden")


async def ending(socket: Socket) -> Ending:
    """Everything that a socket still brings until the server closes it."""
    frames: list[str] = []
    async with asyncio.timeout(RECEIVE_TIMEOUT_S):
        with suppress(ConnectionClosed):
            while True:
                frames.append(str(await socket.connection.recv()))
    return Ending(frames, socket.connection.close_code, socket.connection.close_reason)
