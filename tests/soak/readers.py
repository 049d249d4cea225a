"""The readers of a soak: each follows its view, leaves at random, politely or not, and comes back with its last cursor.

To whichever server, over graphql-transport-ws, as docs/protocol.md tells clients to. A slow reader stops reading again and again, on a
connection that holds little by itself, so that its queue in the server runs over. What a reader should never hear, such as that
its cursor or its credential is bad, is noted as refused.
"""

import asyncio
import socket as sockets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.acceptance.processes import ServerProcess
from tests.soak.door import LOST
from tests.soak.stage import Stage
from tests.soak.views import SLOW_PLACE, VIEWS
from tests.support.clients import SUBPROTOCOL, Socket
from tests.support.waiting import until

OPEN_S_MAX = 15.0
RECEIVE_BUFFER_BYTES = 4_096  # of a slow reader's connection, which otherwise holds megabytes
ITEMS_BETWEEN_STALLS_MAX = 40
LEAVING_SHARE = 0.3  # of a slow reader's stalls: it has no time by which it leaves
# Close codes that no reader should see: they say that the client did wrong, or that the server failed.
REFUSALS = frozenset({4400, 4401, 4403, 4406, 4409, 4429, 4500})


class Reader:
    """`cursor` is where it goes on."""

    def __init__(self, number: int, stage: Stage) -> None:
        self.view = VIEWS[number % len(VIEWS)]
        self.is_slow = number % len(VIEWS) == SLOW_PLACE
        self.name = f"{'slow ' if self.is_slow else ''}reader-{number}"
        self.cursor = stage.starts[self.view.workspace]
        self._token = stage.world.token(self.view.caller)
        self._plan = stage.plan
        self._servers = stage.servers
        self._chance = stage.plan.chance(self.name)
        self._history = stage.history
        self._history.write(self.name, "began", view=self.view.name)

    async def follow(self) -> None:
        """Come, read, leave, for ever. Not all come at once: some find a part of the log written."""
        await asyncio.sleep(self._chance.uniform(0, self._plan.connection_s_max))
        while True:
            number = self._chance.randrange(len(self._servers))
            self._history.write(self.name, "disconnected", why=await self._stay(number))
            await asyncio.sleep(self._chance.uniform(0, self._plan.pause_s_max))

    async def _stay(self, number: int) -> str:
        """One connection, from its beginning to its end; why it ended."""
        stay_s = None if self.is_slow else self._chance.uniform(0, self._plan.connection_s_max)
        try:
            async with self._connected(self._servers[number]) as connection:
                socket = Socket(connection)
                await socket.acknowledge({"Authorization": f"Bearer {self._token}"})
                given = {**self.view.given, "after": self.cursor}
                await socket.subscribe(self.view.subscription(wide=self.is_slow), given)
                self._history.write(self.name, "connected", server=number, after=self.cursor)
                try:
                    async with asyncio.timeout(stay_s):
                        return await self._read(connection)
                except TimeoutError:
                    return self._leave(connection)
        except ConnectionClosed as closed:
            return self._note_close(closed.rcvd.code if closed.rcvd else 1006)
        except LOST:
            return "unreachable"

    @asynccontextmanager
    async def _connected(self, server: ServerProcess) -> AsyncGenerator[ClientConnection]:
        given = None
        if self.is_slow:
            given = sockets.socket()
            given.setblocking(False)
            given.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            try:
                await asyncio.get_running_loop().sock_connect(given, ("127.0.0.1", server.port))
            except BaseException:
                given.close()
                raise
        async with connect(
            server.ws,
            sock=given,
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
            compression=None,
            max_queue=1 if self.is_slow else 16,  # frames that it takes before they are asked for
            open_timeout=OPEN_S_MAX,
            close_timeout=2,
        ) as connection:
            yield connection

    async def _read(self, connection: ClientConnection) -> str:
        """Take what comes, until the server ends the stream or a slow reader has enough of it; why it ended."""
        left = self._chance.randrange(ITEMS_BETWEEN_STALLS_MAX)
        while True:
            frame: dict[str, Any] = orjson.loads(await connection.recv())
            if frame["type"] == "complete":
                return "complete"
            if frame["type"] not in {"next", "error"}:
                continue
            problems = frame["payload"] if frame["type"] == "error" else frame["payload"].get("errors")
            if problems:
                return self._note_code(str(problems[0]["extensions"]["code"]))
            item = frame["payload"]["data"]["item"]
            self._history.write(self.name, "delivered", cursor=item["cursor"], id=item["id"])
            self.cursor = item["cursor"]
            left -= 1
            # Once all is written there is nothing to be slow for.
            if self.is_slow and left < 0 and self._history.counts["acknowledged"] < self._plan.events:
                await self._stall()
                if self._chance.random() < LEAVING_SHARE:
                    return self._leave(connection)
                left = self._chance.randrange(ITEMS_BETWEEN_STALLS_MAX)

    async def _stall(self) -> None:
        """Read nothing while others write. Counted in events, because how many come in a time depends on the machine."""
        counts = self._history.counts
        most = self._plan.stall_events_max
        wanted = counts["acknowledged"] + self._chance.randint(most // 4, most)
        goal = min(wanted, self._plan.events)
        await until(lambda: counts["acknowledged"] >= goal, self._plan.deadline_s)

    def _leave(self, connection: ClientConnection) -> str:
        # The goodbye of a slow reader would lie behind all that it did not read.
        if not self.is_slow and self._chance.random() < 0.5:
            return "left"
        connection.transport.abort()
        return "left without a word"

    def _note_close(self, code: int) -> str:
        if code in REFUSALS:
            self._history.write(self.name, "refused", code=code)
        return str(code)

    def _note_code(self, code: str) -> str:
        if code != "UNAVAILABLE":
            self._history.write(self.name, "refused", code=code)
        return code
