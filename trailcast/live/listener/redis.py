"""The doorbell over Redis or Valkey: PUBLISH and SUBSCRIBE, on single connections of redis-py.

redis-py's own `PubSub` is not used. It connects anew by itself, at once and in silence, before it lets an error out; and its health
check sends a PING and never looks for the answer. Here a connection is opened once and answers in order, as the server does: whatever
is no message belongs to whoever asked first. RESP 2, so that every version of either server will do.
"""

import asyncio
import logging
from collections import deque
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.exceptions import ResponseError

from trailcast.live.counters import Counters
from trailcast.live.listener.bell import Bell, ConnectionLost, Heard, Line, Lost, Pause

logger = logging.getLogger(__name__)


class RedisBackend(Bell):
    """Takes a URL as redis-py reads it, `redis://` or `rediss://`. Raises ValueError or TypeError for one that it cannot read."""

    owner = "Redis"

    def __init__(self, url: str, counters: Counters | None = None, *, pause: Pause = asyncio.sleep) -> None:
        super().__init__(counters, pause=pause)
        options: dict[str, Any] = dict(parse_url(url))
        self._kind: type[AbstractConnection] = options.pop("connection_class", Connection)
        # Ours win over the URL's: on another protocol, or with a time limit of its own for each read, nothing here would hold.
        self._options = {
            **options,
            "protocol": 2,
            "decode_responses": True,
            "encoding_errors": "replace",
            "socket_timeout": None,
            "health_check_interval": 0,
            "client_name": "trailcast-doorbell",
        }
        self._make()

    def _make(self) -> AbstractConnection:
        return self._kind(**self._options)

    def _line(self, heard: Heard, lost: Lost) -> Line:
        return _RedisLine(self._make(), heard, lost)


class _RedisLine:
    _reading: asyncio.Task[None] | None = None

    def __init__(self, connection: AbstractConnection, heard: Heard, lost: Lost) -> None:
        self._connection = connection
        self._heard = heard
        self._lost = lost
        self._is_lost = False
        self._asked: deque[asyncio.Future[None]] = deque()

    async def open(self) -> None:
        await self._connection.connect()  # type: ignore[no-untyped-call]
        self._reading = asyncio.create_task(self._read(), name="trailcast-doorbell-redis")

    async def join(self, channel: str) -> None:
        await self._ask("SUBSCRIBE", channel)

    async def leave(self, channel: str) -> None:
        await self._ask("UNSUBSCRIBE", channel)

    async def publish(self, channel: str, message: str) -> None:
        await self._ask("PUBLISH", channel, message)

    async def check(self) -> None:
        await self._ask("PING")

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        await self._connection.disconnect(nowait=True)

    async def _ask(self, *command: str) -> None:
        if self._is_lost:
            # redis-py would connect anew, behind the back of whoever counts and delays attempts.
            raise ConnectionLost
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        await self._connection.send_command(*command)
        await answer

    async def _read(self) -> None:
        try:
            while True:
                try:
                    response = await self._connection.read_response(disconnect_on_error=False)
                except ResponseError as error:
                    self._answer(error)
                    continue
                if isinstance(response, list) and response[0] == "message":
                    self._heard(response[1], response[2])
                else:
                    self._answer(None)
        except Exception as error:  # noqa: BLE001 - as `Line` says
            logger.debug("a connection to Redis ended (%s)", type(error).__name__)
        finally:
            self._is_lost = True
            self._lost()
            while self._asked:
                self._answer(ConnectionLost())

    def _answer(self, error: Exception | None) -> None:
        answer = self._asked.popleft()
        if answer.done():
            return  # whoever asked has stopped waiting
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)
