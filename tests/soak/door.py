"""The GraphQL door of several server processes, for a client that wants its answer: whichever lives, again until it answers.

Over HTTP, or over a socket that is kept for as long as it lasts. Documents that write must carry an idempotency key: after a lost
answer they are sent again.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.acceptance.processes import ServerProcess
from tests.support.clients import Client, Socket, open_socket

# What a connection says that could not be had, or is gone.
LOST = (ConnectionClosed, InvalidHandshake, OSError, TimeoutError)


class Door(Protocol):
    """A way in, for one caller."""

    async def answer(self, document: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        """The answer of some server, or None where there is none."""


async def ask(
    door: Door, document: str, variables: dict[str, Any], pause: Callable[[], Awaitable[None]]
) -> dict[str, Any]:
    """The data of an answer without errors. Asks again for as long as nobody answers, or only UNAVAILABLE."""
    while True:
        answer = await door.answer(document, variables)
        if answer is not None:
            codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
            if not codes:
                data: dict[str, Any] = answer["data"]
                return data
            assert codes == {"UNAVAILABLE"}, answer
        await pause()


class HttpDoor:
    """Any of these clients, one for each server; a server that is started again is found where it was."""

    def __init__(self, clients: Sequence[Client], token: str, chance: random.Random) -> None:
        self._clients = clients
        self._token = token
        self._chance = chance

    async def answer(self, document: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return await self._chance.choice(self._clients)(document, variables, token=self._token)
        except httpx.TransportError:
            return None


class SocketDoor:
    """A socket to one of the servers; when it breaks, the next one. `connection` is where it is kept open, and who closes it."""

    def __init__(
        self, servers: Sequence[ServerProcess], token: str, chance: random.Random, connection: AsyncExitStack
    ) -> None:
        self._servers = servers
        self._token = token
        self._chance = chance
        self._connection = connection
        self._socket: Socket | None = None
        self._asked = 0

    async def answer(self, document: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        try:
            if self._socket is None:
                url = self._chance.choice(self._servers).ws
                self._socket = await self._connection.enter_async_context(open_socket(url, self._token))
            return await self._answer(self._socket, document, variables)
        except LOST:
            self._socket = None
            await self._connection.aclose()
            return None

    async def _answer(self, socket: Socket, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        self._asked += 1
        operation = str(self._asked)
        await socket.subscribe(document, variables, operation)
        answer: dict[str, Any] = {}
        while True:
            frame = await socket.receive()
            if frame.get("id") != operation:
                continue
            if frame["type"] == "complete":
                return answer
            answer = frame["payload"] if frame["type"] == "next" else {"errors": frame["payload"]}
            if frame["type"] == "error":
                return answer
