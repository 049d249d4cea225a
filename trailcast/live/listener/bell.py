"""What all doorbells have in common, as a backend of `broadcaster`: a hint that something was committed, never the thing.

A bell holds two connections, one that hears and one that rings. It notices when either dies (a heartbeat finds the half-dead ones),
connects anew with back-off, and then says "resync" to this process, since anything may have been missed meanwhile. What was heard
waits in a bounded queue, which turns into one resync when it is full. A loss is one warning, its end one line; what is in between is
DEBUG. Lines name the kind of an error and never its words: drivers put addresses and secrets into them.
What is different from server to server is a `Line`; nothing here knows which one it is. A lost ring costs the delay of a tick.
"""

import asyncio
import contextlib
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from broadcaster import BroadcastBackend, Event

from trailcast.live.counters import Counters

logger = logging.getLogger(__name__)

RESYNC = "resync"
HEARTBEAT_S = 5.0
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 5.0  # to one thing that was asked of a server
RING_TIMEOUT_S = 10.0  # for a ring, with all that it waits for
BACK_OFF_MIN_S, BACK_OFF_MAX_S = 0.05, 2.0
RINGS_QUEUED_MAX = 10_000

Heard = Callable[[str, str], None]  # a channel and what was said on it
Lost = Callable[[], None]
Pause = Callable[[float], Awaitable[None]]


class ConnectionLost(Exception):
    """The server, or the way to it, ended a connection."""


class Line(Protocol):
    """One connection to a server that passes messages on. Whatever a method raises means that it is of no more use."""

    async def open(self) -> None:
        """Connect, in one attempt."""

    async def join(self, channel: str) -> None:
        """Return when what is said on the channel is heard."""

    async def leave(self, channel: str) -> None: ...

    async def publish(self, channel: str, message: str) -> None:
        """Return when the server has it."""

    async def check(self) -> None:
        """Return when the server has answered."""

    async def close(self) -> None:
        """Never raises, and takes a moment at most. Comes also where `open` failed, or was cut short."""


@dataclass
class _Session:
    """The time between two losses."""

    listener: Line
    publisher: Line | None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Bell(BroadcastBackend, ABC):
    """`connect()` returns when the first attempt has succeeded or failed; it goes on trying behind.

    One that does not ring only hears, and makes do with one connection. `pause` is how it waits between two attempts.
    """

    owner: ClassVar[str]

    def __init__(self, counters: Counters | None = None, *, rings: bool = True, pause: Pause = asyncio.sleep) -> None:
        self._counters = Counters() if counters is None else counters
        self._rings = rings
        self._pause = pause
        self._meanwhile = "feeds go by the tick" if rings else "changes of access are seen by the tick"
        self._channels: set[str] = set()
        self._queue: asyncio.Queue[Event] = asyncio.Queue(RINGS_QUEUED_MAX)
        self._attempted = asyncio.Event()
        self._connected = asyncio.Event()
        self._session: _Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._back_off_s = BACK_OFF_MIN_S
        self._ring_failed = False
        self._loss_said = False

    @abstractmethod
    def _line(self, heard: Heard, lost: Lost) -> Line:
        """A new one, not connected yet. It calls `lost` as soon as it learns of its own end."""

    @property
    def is_listening(self) -> bool:
        """Whether a ring would be heard right now."""
        return self._session is not None

    @property
    def state(self) -> str:
        """`ok`, or a sentence for an operator."""
        return "ok" if self.is_listening else f"{self.owner}'s is not connected; {self._meanwhile}"

    async def connect(self) -> None:
        self._task = asyncio.create_task(self._run(), name="trailcast-doorbell")
        await self._attempted.wait()

    async def disconnect(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def subscribe(self, channel: str) -> None:
        self._channels.add(channel)
        await self._tell(lambda line: line.join(channel))

    async def unsubscribe(self, channel: str) -> None:
        self._channels.discard(channel)
        await self._tell(lambda line: line.leave(channel))

    async def publish(self, channel: str, message: str) -> None:
        """Ring. Waits for a connection a while, then gives up: the tick covers it."""
        try:
            async with asyncio.timeout(RING_TIMEOUT_S):
                while not await self._ring(channel, message):
                    self._ring_failed = True
        except TimeoutError:
            logger.debug("%s's doorbell could not be rung; the tick covers it", self.owner)
            self._ring_failed = False
            if self.is_listening:
                self._note_success()

    async def next_published(self) -> Event:
        return await self._queue.get()

    async def _tell(self, word: Callable[[Line], Awaitable[None]]) -> None:
        session = self._session
        if session is None:
            return  # the next connection joins every channel that is known by then
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await word(session.listener)
        except Exception:  # noqa: BLE001 - as `Line` says
            session.ended.set()

    async def _ring(self, channel: str, message: str) -> bool:
        await self._connected.wait()
        session = self._session
        assert session is not None
        assert session.publisher is not None, "this bell only hears"
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await session.publisher.publish(channel, message)
        except Exception:  # noqa: BLE001 - as `Line` says
            if self._session is session:
                self._connected.clear()
            session.ended.set()
            return False
        self._ring_failed = False
        self._note_success()
        return True

    async def _run(self) -> None:
        while True:
            try:
                await self._serve()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises; a bell that stopped for good would be silent
                self._note_loss(error)
            finally:
                self._attempted.set()
            if _is_cancelled():
                return
            # Half of the pause is random, so that many processes do not come back in one moment.
            await self._pause(self._back_off_s * (0.5 + random.random()))  # noqa: S311 - spreads load, guards nothing
            self._back_off_s = min(self._back_off_s * 2, BACK_OFF_MAX_S)

    async def _serve(self) -> None:
        """Hear and ring until that is no longer possible, which is raised."""
        ended = asyncio.Event()
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                listener = await self._open(stack, ended)
                publisher = await self._open(stack, ended) if self._rings else None
                joined: set[str] = set()
                while missing := self._channels - joined:
                    for channel in missing:
                        await listener.join(channel)
                    joined |= missing
            if _is_cancelled():
                raise asyncio.CancelledError
            self._session = _Session(listener, publisher, ended)
            try:
                self._begin()
                await self._watch(self._session)
            except Exception:
                self._counters.bell_losses += 1
                raise
            finally:
                self._session = None
                self._connected.clear()

    async def _open(self, stack: AsyncExitStack, ended: asyncio.Event) -> Line:
        line = self._line(self._hear, ended.set)
        stack.push_async_callback(_close, line)
        await line.open()
        return line

    def _begin(self) -> None:
        self._attempted.set()
        self._connected.set()
        # A bell that hears and is refused to ring comes and goes: it has earned a short pause and a line when a ring got through.
        if not self._ring_failed:
            self._note_success()
        self._resync()

    async def _watch(self, session: _Session) -> None:
        lines = [line for line in (session.listener, session.publisher) if line is not None]
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_S):
                    await session.ended.wait()
                raise ConnectionLost
            async with asyncio.timeout(HEARTBEAT_S):
                for line in lines:
                    await line.check()

    def _note_loss(self, error: Exception) -> None:
        level = logging.DEBUG if self._loss_said else logging.WARNING
        self._loss_said = True
        kind = type(error).__name__
        logger.log(level, "%s's doorbell is not connected (%s); %s until it is", self.owner, kind, self._meanwhile)

    def _note_success(self) -> None:
        self._back_off_s = BACK_OFF_MIN_S
        if self._loss_said:
            self._loss_said = False
            logger.info("%s's doorbell is connected again", self.owner)

    def _hear(self, channel: str, message: str) -> None:
        self._counters.rings_heard += 1
        if self._queue.full():
            # Too far behind for single rings to matter: one resync says it all.
            self._resync()
        else:
            self._queue.put_nowait(Event(channel, message))

    def _resync(self) -> None:
        """Say that anything may have been missed, instead of all that waits to be heard."""
        while not self._queue.empty():
            self._queue.get_nowait()
        for channel in self._channels:
            self._queue.put_nowait(Event(channel, RESYNC))


async def _close(line: Line) -> None:
    """Whole, even where this task is told to end meanwhile: a connection that is half closed would stay."""
    closing = asyncio.create_task(line.close(), name="trailcast-doorbell-close")
    while not closing.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([closing])


def _is_cancelled() -> bool:
    """Whether this task was told to end, though that was swallowed on the way.

    `_close` does so, and `wait_for` of Python 3.11 in a driver, when what it waits for ends in the same moment.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
