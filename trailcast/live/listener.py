"""The doorbell over PostgreSQL's NOTIFY, as a backend of `broadcaster`: a hint that something was committed, never the thing.

broadcaster's own PostgreSQL backend loses its subscribers when its one connection dies and fails when two publish at
once. This one listens on a connection of its own, notices its death (a heartbeat finds the half-dead ones), reconnects with
back-off and then rings "resync", since anything may have been missed meanwhile; it publishes on a second connection, under a lock.
Limits of NOTIFY: 8,000 bytes, no PgBouncer in transaction mode between. A lost ring costs the delay of a tick, never an event.
"""

import asyncio
import contextlib
import logging
import random

import asyncpg
from broadcaster import BroadcastBackend, Event

logger = logging.getLogger(__name__)

RESYNC = "resync"
HEARTBEAT_S = 5.0
CONNECT_TIMEOUT_S = 5.0
BACK_OFF_MIN_S, BACK_OFF_MAX_S = 0.05, 2.0
RINGS_QUEUED_MAX = 10_000
# What a connection says that is gone. The internal error is asyncpg's when it dies between two steps of one statement.
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


class PostgresBackend(BroadcastBackend):
    """`connect()` returns when the first attempt has succeeded or failed; it goes on trying behind."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._channels: set[str] = set()
        self._rings: asyncio.Queue[Event] = asyncio.Queue(RINGS_QUEUED_MAX)
        self._attempted = asyncio.Event()
        self._listening = asyncio.Event()
        self._listener: asyncpg.Connection | None = None
        self._publisher: asyncpg.Connection | None = None
        self._publishing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.reconnects = 0

    @property
    def is_listening(self) -> bool:
        """Whether a ring would be heard right now."""
        return self._listening.is_set()

    async def connect(self) -> None:
        self._task = asyncio.create_task(self._run(), name="trailcast-doorbell")
        await self._attempted.wait()

    async def disconnect(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._publisher is not None:
            await _close(self._publisher)
            self._publisher = None

    async def subscribe(self, channel: str) -> None:
        self._channels.add(channel)
        if self._listener is not None:
            # A connection that just died is no trouble: the next one listens to every channel known by then.
            with contextlib.suppress(*LOST):
                await self._listener.add_listener(channel, self._heard)

    async def unsubscribe(self, channel: str) -> None:
        self._channels.discard(channel)
        if self._listener is not None:
            with contextlib.suppress(*LOST):
                await self._listener.remove_listener(channel, self._heard)

    async def publish(self, channel: str, message: str) -> None:
        """Ring. A ring that cannot be had is logged and forgotten: the tick covers it."""
        async with self._publishing:
            for attempt in (1, 2):
                try:
                    if self._publisher is None or self._publisher.is_closed():
                        self._publisher = await self._open()
                    await self._publisher.execute("SELECT pg_notify($1, $2)", channel, message)
                except LOST as error:
                    self._publisher = None
                    if attempt == 2:  # noqa: PLR2004 - the second of two
                        logger.warning(
                            "the doorbell could not be rung (%s); the tick will cover it", type(error).__name__
                        )
                else:
                    return

    async def next_published(self) -> Event:
        return await self._rings.get()

    async def _open(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            self._url, timeout=CONNECT_TIMEOUT_S, server_settings={"application_name": "trailcast-doorbell"}
        )

    async def _run(self) -> None:
        pause = BACK_OFF_MIN_S
        while True:
            try:
                await self._listen()
                pause = BACK_OFF_MIN_S
            except LOST as error:
                logger.warning(
                    "the doorbell is not connected (%s); feeds go by the tick meanwhile", type(error).__name__
                )
            finally:
                self._attempted.set()
                self._listening.clear()
                self._listener = None
            # Half of the pause is random, so that many processes do not come back in one moment.
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads load, guards nothing
            pause = min(pause * 2, BACK_OFF_MAX_S)

    async def _listen(self) -> None:
        """Listen until the connection is lost."""
        connection = await self._open()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        try:
            self._listener = connection
            for channel in list(self._channels):
                await connection.add_listener(channel, self._heard)
            self._listening.set()
            self._attempted.set()
            for channel in list(self._channels):
                self._put(Event(channel, RESYNC))
            while not lost.is_set():
                try:
                    await asyncio.wait_for(lost.wait(), HEARTBEAT_S)
                except TimeoutError:
                    await connection.execute("SELECT 1", timeout=HEARTBEAT_S)
            self.reconnects += 1
            logger.warning("the doorbell's connection was lost; reconnecting")
        finally:
            await _close(connection)

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._put(Event(channel, str(payload)))

    def _put(self, event: Event) -> None:
        if self._rings.full():
            # Too far behind for single rings to matter: one resync says it all.
            while not self._rings.empty():
                self._rings.get_nowait()
            event = Event(event.channel, RESYNC)
        self._rings.put_nowait(event)


async def _close(connection: asyncpg.Connection) -> None:
    with contextlib.suppress(*LOST):
        await connection.close(timeout=1)
