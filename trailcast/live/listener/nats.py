"""The doorbell over NATS: core publish and subscribe, on single connections of nats-py.

nats-py's own reconnecting is switched off: it brings subscriptions back and says nothing of what was missed meanwhile. Even then
`connect` tries a server up to 60 times, unless its error callback raises, as ours does. What is asked is followed by a flush, which
is a ping: a server's refusal arrives before its answer. Where nats-py no longer reads, a flush proves nothing: that is watched too.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import AuthorizationError, Error

from trailcast.live.counters import Counters
from trailcast.live.listener.bell import RINGS_QUEUED_MAX, Bell, ConnectionLost, Heard, Line, Lost, Pause

CLOSE_TIMEOUT_S = 1.0
PORT = 4222


class NatsBackend(Bell):
    """Takes `nats://`, with a user and a password or a token before the host. Raises ValueError for a URL that it cannot read."""

    owner = "NATS"

    def __init__(self, url: str, counters: Counters | None = None, *, pause: Pause = asyncio.sleep) -> None:
        super().__init__(counters, pause=pause)
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError("a host is missing")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._server = f"nats://{host}:{parts.port or PORT}"
        # Taken out of the URL: nats-py would not undo its percent signs.
        user = None if parts.username is None else unquote(parts.username)
        if parts.password is None:
            self._credentials = {"token": user}
        else:
            self._credentials = {"user": user, "password": unquote(parts.password)}

    def _line(self, heard: Heard, lost: Lost) -> Line:
        return _NatsLine(self._server, self._credentials, heard, lost)


class _NatsLine:
    _reading: asyncio.Task[None] | None = None
    _refusal: Exception | None = None

    def __init__(self, server: str, credentials: Mapping[str, str | None], heard: Heard, lost: Lost) -> None:
        self._server = server
        self._credentials = credentials
        self._heard = heard
        self._lost = lost
        self._client = Client()
        self._flushes: set[asyncio.Task[None]] = set()
        self._subscriptions: dict[str, Subscription] = {}

    async def open(self) -> None:
        try:
            await self._client.connect(
                [self._server],
                error_cb=self._fail,
                name="trailcast-doorbell",
                allow_reconnect=False,
                user=self._credentials.get("user"),
                password=self._credentials.get("password"),
                token=self._credentials.get("token"),
            )
        except Error as error:
            # Told apart by its words alone, and worth telling: no other loss is mended in the settings.
            raise AuthorizationError if "authorization" in str(error).lower() else error from None
        self._reading = self._client._reading_task  # noqa: SLF001 - nothing public says that it has ended
        assert self._reading is not None
        self._reading.add_done_callback(lambda _task: self._lost())

    async def join(self, channel: str) -> None:
        self._subscriptions[channel] = await self._client.subscribe(
            channel, cb=self._hear, pending_msgs_limit=RINGS_QUEUED_MAX
        )
        await self._confirm()

    async def leave(self, channel: str) -> None:
        await self._subscriptions.pop(channel).unsubscribe()

    async def publish(self, channel: str, message: str) -> None:
        await self._client.publish(channel, message.encode())
        await self._confirm()

    async def check(self) -> None:
        await self._confirm()

    async def close(self) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._client.close()
        # Not before: an answer to a flush that was given up would end the reading, with a traceback in the log.
        for flush in self._flushes:
            flush.cancel()

    async def _confirm(self) -> None:
        assert self._reading is not None
        flush = asyncio.create_task(self._client.flush())
        self._flushes.add(flush)
        flush.add_done_callback(self._flushes.discard)
        await asyncio.wait({flush, self._reading}, return_when=asyncio.FIRST_COMPLETED)
        if flush.done():
            await flush
        if self._reading.done():
            raise ConnectionLost
        if self._refusal is not None:
            raise self._refusal

    async def _hear(self, message: Msg) -> None:
        self._heard(message.subject, message.data.decode(errors="replace"))

    async def _fail(self, error: Exception) -> None:
        if self._reading is None:
            raise error
        self._refusal = error
        self._lost()
