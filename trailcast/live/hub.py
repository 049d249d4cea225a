"""Per process: a wake-up becomes one read of each log that somebody follows, and the events go to those who may see them.

One `Follower` per followed workspace holds the position up to which it has read. Whatever is committed beyond it is read once, in
batches, with the access version of the same snapshot: where that has moved, every subscriber's rights are loaded anew before
anything of the batch is offered, so nothing is ever delivered under rights that had ended before it was written. A slow tick looks
at all followed heads in one statement, unasked, and covers every ring that was lost. No subscriber polls.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID

from trailcast.errors import NotFound, TrailcastError
from trailcast.ledger.database import Database
from trailcast.ledger.reader import read_batch, read_head, read_heads, sequences_with_text
from trailcast.records import EventRecord

logger = logging.getLogger(__name__)

RETRY_S = 0.2  # pause after the database could not be read; the tick is the other way back


class Member(Protocol):
    """What follows a log: it is offered every event once, in order, and filters for itself."""

    @property
    def text(self) -> str | None:
        """The text that its filter asks for, which only the database can compare."""

    def offer(self, events: list[EventRecord], with_text: frozenset[int] | None) -> None:
        """`with_text`: which of them hold the member's text, or None where nobody has looked yet."""

    async def refresh(self) -> None:
        """Load the rights anew, because they may have changed."""


class Follower:
    """One workspace's log, read once for all its members."""

    def __init__(self, database: Database, workspace_id: UUID, page_size: int) -> None:
        self._database = database
        self._workspace_id = workspace_id
        self._page_size = page_size
        self._woken = asyncio.Event()
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._version = 0
        self.members: set[Member] = set()
        self.position = 0

    async def start(self) -> None:
        """Find the end of the log and read on from there. Of several first members one does it, the others wait."""
        async with self._starting:
            if self._task is None:
                async with self._database.reading() as connection:
                    head = await read_head(connection, self._workspace_id)
                if head is None:
                    raise NotFound("There is no such workspace.")
                self.position, self._version = head.last_sequence, head.access_version
                self._task = asyncio.create_task(self._run(), name=f"trailcast-follow-{self._workspace_id}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def wake(self, sequence: int | None = None) -> None:
        """There may be something beyond the position."""
        if sequence is None or sequence > self.position:
            self._woken.set()

    def notice(self, last_sequence: int, access_version: int) -> None:
        """What the tick saw of the head."""
        if last_sequence > self.position or access_version != self._version:
            self._woken.set()

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._catch_up()
            except TrailcastError as error:
                logger.warning("a followed log could not be read (%s); trying again", error.code)
                self._woken.set()
                await asyncio.sleep(RETRY_S)
            except Exception:
                # A follower that ended would leave its members silent for ever.
                logger.exception("a followed log could not be read; trying again")
                self._woken.set()
                await asyncio.sleep(RETRY_S)

    async def _catch_up(self) -> None:
        while True:
            async with self._database.reading() as connection:
                version, events = await read_batch(connection, self._workspace_id, self.position, self._page_size)
                if version is None:
                    head = await read_head(connection, self._workspace_id)
                    version = head.access_version if head else self._version
                found = {
                    text: await sequences_with_text(
                        connection, self._workspace_id, self.position, events[-1].sequence, text
                    )
                    for text in {member.text for member in self.members if member.text is not None}
                    if events
                }
            if version != self._version:
                for member in list(self.members):
                    await member.refresh()
                self._version = version
            if not events:
                return
            # No await from here on: a member that joins sees the position from before or from after this batch, whole.
            for member in self.members:
                member.offer(events, found.get(member.text) if member.text is not None else None)
            self.position = events[-1].sequence


class Hub:
    """All the followers of one process."""

    def __init__(self, database: Database, *, tick_ms: int, page_size: int) -> None:
        self._database = database
        self._tick_s = tick_ms / 1000
        self._page_size = page_size
        self._followers: dict[UUID, Follower] = {}

    def heard_log(self, workspace_id: UUID, sequence: int) -> None:
        if follower := self._followers.get(workspace_id):
            follower.wake(sequence)

    def heard_access(self, workspace_id: UUID) -> None:
        if follower := self._followers.get(workspace_id):
            follower.wake()

    def heard_resync(self) -> None:
        for follower in self._followers.values():
            follower.wake()

    @asynccontextmanager
    async def joined(self, workspace_id: UUID, member: Member) -> AsyncGenerator[Follower]:
        """While the block runs, the member is offered all that is committed beyond the follower's position of now."""
        follower = self._followers.get(workspace_id)
        if follower is None:
            follower = self._followers[workspace_id] = Follower(self._database, workspace_id, self._page_size)
        follower.members.add(member)
        try:
            await follower.start()
            yield follower
        finally:
            follower.members.discard(member)
            if not follower.members and self._followers.get(workspace_id) is follower:
                del self._followers[workspace_id]
                await follower.stop()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Ticking for as long as the block runs."""
        ticking = asyncio.create_task(self._tick(), name="trailcast-tick")
        try:
            yield
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            for follower in list(self._followers.values()):
                await follower.stop()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._tick_s)
            if not self._followers:
                continue
            try:
                async with self._database.reading() as connection:
                    heads = await read_heads(connection, list(self._followers))
            except TrailcastError as error:
                logger.warning("the tick could not look at the log (%s)", error.code)
                continue
            for workspace_id, head in heads.items():
                if follower := self._followers.get(workspace_id):
                    follower.notice(head.last_sequence, head.access_version)
