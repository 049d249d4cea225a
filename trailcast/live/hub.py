"""Per process: a wake-up becomes one read of each log that somebody follows, and the events go to those who may see them.

One `Follower` per followed workspace holds the position up to which it has read. Whatever is committed beyond it is read once, in
batches, with the access version of the same snapshot: where that has moved, every subscriber's rights are loaded anew before
anything of the batch is offered, so nothing is ever delivered under rights that had ended before it was written. Members who
see the same (an `Audience`) are served together: an event is matched once for all of them. A slow tick looks
at all followed heads in one statement, unasked, and covers every ring that was lost. No subscriber polls.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID

import orjson

from trailcast.access.scope import Scope, admits
from trailcast.errors import NotFound, TrailcastError
from trailcast.ledger.columns import shown_to
from trailcast.ledger.database import Database
from trailcast.ledger.filters import matches
from trailcast.ledger.reader import read_batch, read_head, read_heads, sequences_with_text
from trailcast.records import EventFilter, EventRecord

logger = logging.getLogger(__name__)

RECORD_BYTES = 1024  # of a record beside its texts, measured roughly; the bound is there to hold, not to account
RETRY_S = 0.2  # pause after the database could not be read; the tick is the other way back


@dataclass(frozen=True, slots=True)
class Audience:
    """Who sees the same: the same rights, the same filter. What is made of an event for one of them serves all."""

    scope: Scope
    wanted: EventFilter


@dataclass(eq=False, slots=True)
class Delivery:
    """One event as one audience may see it. `answers` is for what is made of it, by how it was asked for, so that it is made
    once; it must hold nothing that depends on more than the audience and that key."""

    event: EventRecord
    scope: Scope
    size: int
    answers: dict[Hashable, str] = field(default_factory=dict)


class Member(Protocol):
    """What follows a log: it is offered every event of its audience once, in order."""

    audience: Audience  # changed by the follower alone

    def offer(self, deliveries: Sequence[Delivery]) -> None:
        """Take what is new. Must not wait."""

    def fall_behind(self) -> None:
        """Read the log instead: there is something new, and nobody has sorted it out for this audience yet."""

    async def load_scope(self) -> Scope | None:
        """The rights of now, because they may have changed; None where they have ended, and the member with them."""


@dataclass(eq=False, slots=True)
class Group:
    """The members of one audience."""

    audience: Audience
    members: set[Member] = field(default_factory=set)


def deliver(scope: Scope, event: EventRecord) -> Delivery:
    """The event, for those who see as much as this scope."""
    texts = (event.message, event.metadata, [change.after for change in event.changes or ()])
    return Delivery(event, scope, RECORD_BYTES + len(orjson.dumps(texts)))


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
        self._groups: dict[Audience, Group] = {}
        self.position = 0

    @property
    def members(self) -> list[Member]:
        """Everybody who follows."""
        return [member for group in self._groups.values() for member in group.members]

    def add(self, member: Member) -> None:
        """From now on the member is offered whatever lies beyond the position."""
        group = self._groups.setdefault(member.audience, Group(member.audience))
        # The very object, so that a delivery is known for one's own without comparing what is in it.
        member.audience = group.audience
        group.members.add(member)

    def remove(self, member: Member) -> None:
        """The member is offered nothing any more."""
        group = self._groups.get(member.audience)
        if group is not None:
            group.members.discard(member)
            if not group.members:
                del self._groups[member.audience]

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
                texts = {audience.wanted.text for audience in self._groups} - {None} if events else set()
                found = {
                    text: await sequences_with_text(
                        connection, self._workspace_id, after=self.position, up_to=events[-1].sequence, text=text
                    )
                    for text in texts
                    if text is not None
                }
            if version != self._version:
                await self._refresh()
                self._version = version
            if not events:
                return
            self._deliver(events, found)

    def _deliver(self, events: list[EventRecord], found: dict[str, frozenset[int]]) -> None:
        """Hand a batch to all. Never waits: whoever joins sees the position from before or from after this batch, whole."""
        for group in self._groups.values():
            audience, text = group.audience, group.audience.wanted.text
            if text is not None and text not in found:
                # It came while the batch was being read.
                for member in group.members:
                    member.fall_behind()
                continue
            deliveries = [
                deliver(audience.scope, shown_to(audience.scope, event))
                for event in events
                if admits(audience.scope, event)
                and matches(audience.wanted, event)
                and (text is None or event.sequence in found[text])
            ]
            if deliveries:
                for member in group.members:
                    member.offer(deliveries)
        self.position = events[-1].sequence

    async def _refresh(self) -> None:
        """Load everybody's rights anew, and sort the members by what they may see now."""
        for member in self.members:
            scope = await member.load_scope()
            group = self._groups.get(member.audience)
            # It may have gone while its rights were loaded.
            if scope is not None and group is not None and member in group.members:
                self.regroup(member, scope)

    def regroup(self, member: Member, scope: Scope) -> None:
        """The member sees from now on as much as this scope."""
        if scope != member.audience.scope:
            self.remove(member)
            member.audience = replace(member.audience, scope=scope)
            self.add(member)


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
        follower.add(member)
        try:
            await follower.start()
            yield follower
        finally:
            follower.remove(member)
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
