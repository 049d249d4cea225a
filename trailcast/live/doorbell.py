"""Rings and hears: says in one message per moment which logs grew, and hands on what other processes say.

The one fixed channel is subscribed once, at start, because broadcaster races when several subscribe first. Rings are coalesced:
while one is under way, whatever else is committed goes with the next, so many writers cost few notices. Messages are lines:
`log <workspace> <sequence>`, `access <workspace>` (written by a trigger, see the first revision) and `resync`. Which bell a line comes
from makes no difference: where Redis or NATS carries the logs, PostgreSQL's bell is heard beside it, since the trigger knows no other.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import islice
from typing import Protocol
from uuid import UUID

from broadcaster import Broadcast

from trailcast.live.listener import RESYNC, Bell

logger = logging.getLogger(__name__)

CHANNEL = "trailcast"
LOGS_PER_RING_MAX = 100  # 61 bytes each, of the 8,000 that NOTIFY carries


class Ear(Protocol):
    """What hears the bell."""

    def heard_log(self, workspace_id: UUID, sequence: int) -> None: ...

    def heard_access(self, workspace_id: UUID) -> None: ...

    def heard_resync(self) -> None: ...


class Ears:
    """Several that hear the same, in their order."""

    def __init__(self, *ears: Ear) -> None:
        self._ears = ears

    def heard_log(self, workspace_id: UUID, sequence: int) -> None:
        for ear in self._ears:
            ear.heard_log(workspace_id, sequence)

    def heard_access(self, workspace_id: UUID) -> None:
        for ear in self._ears:
            ear.heard_access(workspace_id)

    def heard_resync(self) -> None:
        for ear in self._ears:
            ear.heard_resync()


class Doorbell:
    """One per process: rings one bell, and hears that one and the others. `ring` never waits and never fails."""

    def __init__(self, bell: Bell, ear: Ear, *others: Bell) -> None:
        self._bells = (bell, *others)
        self._broadcasts = [Broadcast(backend=bell) for bell in self._bells]
        self._ear = ear
        self._ends: dict[UUID, int] = {}
        self._due = asyncio.Event()

    @property
    def is_listening(self) -> bool:
        """Whether all would be heard right now that may be rung."""
        return all(bell.is_listening for bell in self._bells)

    @property
    def state(self) -> str:
        """`ok`, or what an operator should know of each bell that is not."""
        return "; ".join(bell.state for bell in self._bells if not bell.is_listening) or "ok"

    def ring(self, ends: Mapping[UUID, int]) -> None:
        """These logs end here now. This process hears it at once, the others by the broadcast."""
        for workspace_id, sequence in ends.items():
            self._ends[workspace_id] = max(sequence, self._ends.get(workspace_id, 0))
            self._ear.heard_log(workspace_id, sequence)
        self._due.set()

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[None]:
        """Listening and ringing for as long as the block runs."""
        async with AsyncExitStack() as stack:
            subscribers = []
            for broadcast in self._broadcasts:
                await stack.enter_async_context(broadcast)
                subscribers.append(await stack.enter_async_context(broadcast.subscribe(CHANNEL)))
            tasks = [asyncio.create_task(self._publish(), name="trailcast-ring")]
            tasks += [asyncio.create_task(self._hear(one), name="trailcast-hear") for one in subscribers]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    async def _hear(self, subscriber: object) -> None:
        async for event in subscriber:  # type: ignore[attr-defined]
            for line in event.message.split("\n"):
                self._dispatch(line)

    def _dispatch(self, line: str) -> None:
        kind, *words = line.split(" ")
        try:
            if kind == "log":
                self._ear.heard_log(UUID(words[0]), int(words[1]))
            elif kind == "access":
                self._ear.heard_access(UUID(words[0]))
            elif kind == RESYNC:
                self._ear.heard_resync()
        except (ValueError, IndexError):
            # Anyone who may NOTIFY on this database can send anything; it can wake a hub, and no more.
            logger.warning("a ring that nobody understands was ignored")

    async def _publish(self) -> None:
        while True:
            await self._due.wait()
            taken = dict(islice(self._ends.items(), LOGS_PER_RING_MAX))
            for workspace_id in taken:
                del self._ends[workspace_id]
            if not self._ends:
                self._due.clear()
            message = "\n".join(f"log {workspace_id} {sequence}" for workspace_id, sequence in taken.items())
            if message:
                try:
                    await self._broadcasts[0].publish(CHANNEL, message)
                except Exception:
                    # Whatever a backend may raise: a bell that stops ringing for good would slow every other process.
                    logger.exception("the doorbell could not be rung; the tick will cover it")
