"""Per process: a wake-up becomes one read of each log that somebody follows, and the events go to those who may see them.

One `Follower` per followed workspace holds the position up to which it has read. Whatever is committed beyond it is read once, in
batches, with the access version of the same snapshot: where that has moved, every subscriber's rights are loaded anew before
anything of the batch is offered, so nothing is ever delivered under rights that had ended before it was written. A slow tick looks
at all followed heads in one statement, unasked, and covers every ring that was lost. No subscriber polls.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from trailcast.access.principal import LogHead
from trailcast.access.scope import Scope, admits
from trailcast.errors import NotFound, TrailcastError
from trailcast.ledger.columns import Variant, shown_as, variant_for
from trailcast.ledger.database import Database
from trailcast.ledger.filters import matches
from trailcast.ledger.reader import read_batch, read_head, read_heads, sequences_with_text
from trailcast.live.audiences import Audiences, Delivery, Group, Member, deliver
from trailcast.live.counters import Counters
from trailcast.records import EventRecord

logger = logging.getLogger(__name__)

RETRY_S = 0.2  # pause after the database could not be read; the tick is the other way back
OFFERS_PER_TURN_MAX = 200  # hand-overs, some 15 us each, before the event loop gets its turn
RIGHTS_PER_TURN_MAX = 500


class Follower:
    """One workspace's log, read once for all its members."""

    def __init__(self, database: Database, workspace_id: UUID, page_size: int, counters: Counters) -> None:
        self._database = database
        self._workspace_id = workspace_id
        self._page_size = page_size
        self._counters = counters
        self._woken = asyncio.Event()
        self._woken_at = 0.0
        self._target = 0  # the end of the log, as far as is known
        self._unsure = False
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._audiences = Audiences()
        self.version = 0
        self.position = 0

    @property
    def members(self) -> list[Member]:
        """Everybody who follows."""
        return self._audiences.members

    @property
    def is_deserted(self) -> bool:
        """Whether nobody follows any more."""
        return not self._audiences

    def add(self, member: Member) -> None:
        """From now on the member is offered whatever lies beyond the position."""
        self._counters.subscribers += 1
        self._counters.groups += self._audiences.add(member)

    def remove(self, member: Member) -> None:
        """The member is offered nothing any more."""
        self._counters.subscribers -= 1
        self._counters.groups -= self._audiences.remove(member)

    def rescope(self, member: Member, scope: Scope) -> None:
        """The member sees from now on as much as this scope."""
        if scope != member.audience.scope:
            self._counters.groups -= self._audiences.remove(member)
            member.rescope(scope, self.position)
            self._counters.groups += self._audiences.add(member)

    async def start(self) -> None:
        """Find the end of the log and read on from there. Of several first members one does it, the others wait."""
        async with self._starting:
            if self._task is None:
                async with self._database.looking_up() as connection:
                    head = await read_head(connection, self._workspace_id)
                if head is None:
                    raise NotFound("There is no such workspace.")
                self.position, self.version = head.last_sequence, head.access_version
                self._task = asyncio.create_task(self._run(), name=f"trailcast-follow-{self._workspace_id}")

    def stop(self) -> asyncio.Task[None] | None:
        """Read no more. What is left of it ends soon."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    def wake(self, sequence: int | None = None) -> None:
        """The log ends there now; without a number, anything may have happened."""
        if sequence is None:
            self._unsure = True
        elif sequence > self.position:
            # Not held against the target: one ring for what does not exist would have all that follow go unheard.
            self._target = max(self._target, sequence)
        else:
            return
        if not self._woken.is_set():
            self._woken_at = time.monotonic()
            self._woken.set()

    def notice(self, last_sequence: int, access_version: int) -> None:
        """What the tick saw of the head."""
        if last_sequence > self.position or access_version != self.version:
            self.wake()

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            if not self._unsure and self._target <= self.position:
                continue  # that was read before it was rung for
            self._unsure = False
            try:
                await self._catch_up()
            except TrailcastError as error:
                logger.warning("a followed log could not be read (%s); trying again", error.code)
                self.wake()
                await asyncio.sleep(RETRY_S)
            except Exception:
                # A follower that ended would leave its members silent for ever.
                logger.exception("a followed log could not be read; trying again")
                self.wake()
                await asyncio.sleep(RETRY_S)

    async def _catch_up(self) -> None:
        woken_at = self._woken_at
        while True:
            async with self._database.reading(self._workspace_id) as connection:
                version, events = await read_batch(connection, self._workspace_id, self.position, self._page_size)
                if version is None:
                    head = await read_head(connection, self._workspace_id)
                    version = head.access_version if head else self.version
                found = {
                    text: await sequences_with_text(
                        connection, self._workspace_id, after=self.position, up_to=events[-1].sequence, text=text
                    )
                    for text in (self._audiences.texts() if events else ())
                }
            if version != self.version:
                await self._refresh(version)
            if events:
                self._counters.events_read += len(events)
                await self._deliver(events, found)
                self._counters.latency.observe((time.monotonic() - woken_at) * 1000)
            if len(events) < self._page_size:
                return  # whatever is committed from here on is rung for, or found by the tick

    async def _deliver(self, events: list[EventRecord], found: dict[str, frozenset[int]]) -> None:
        """Hand a batch to all whom it concerns, a part of them in each turn of the event loop."""
        sorted_out = self._sort_out(events, found)
        # Without an await since the groups were looked at: whoever joins from here on reads this batch out of the log.
        self.position = events[-1].sequence
        offers = 0
        for group, deliveries in sorted_out:
            for member in list(group.members):
                if member not in group.members:
                    continue  # it has gone meanwhile
                member.offer(deliveries)
                offers += len(deliveries)
                if offers >= OFFERS_PER_TURN_MAX:
                    offers = 0
                    await asyncio.sleep(0)

    def _sort_out(
        self, events: list[EventRecord], found: dict[str, frozenset[int]]
    ) -> list[tuple[Group, list[Delivery]]]:
        """Who gets what. Those who see the same of an event share its delivery, whatever else they may see."""
        batch: dict[Group, list[Delivery]] = {}
        for event in events:
            shown: dict[Variant, Delivery] = {}
            for group in self._audiences.concerned_by(event):
                audience, text = group.audience, group.audience.wanted.text
                if not (admits(audience.scope, event) and matches(audience.wanted, event)):
                    continue
                if text is not None and text not in found:
                    # It came while the batch was being read.
                    for member in group.members:
                        member.fall_behind()
                    continue
                if text is not None and event.sequence not in found[text]:
                    continue
                variant = variant_for(audience.scope, event)
                delivery = shown.get(variant)
                if delivery is None:
                    delivery = shown[variant] = deliver(shown_as(variant, event))
                batch.setdefault(group, []).append(delivery)
        return list(batch.items())

    async def _refresh(self, version: int) -> None:
        """Load everybody's rights anew, and sort the members by what they may see now."""
        # First: whoever joins while this goes on compares its rights with the version, and is not among those looked at here.
        former, self.version = self.version, version
        try:
            await self._load_rights(self.members)
        except BaseException:
            self.version = former
            raise

    async def _load_rights(self, everybody: Sequence[Member]) -> None:
        for begin in range(0, len(everybody), RIGHTS_PER_TURN_MAX):
            members = everybody[begin : begin + RIGHTS_PER_TURN_MAX]
            scopes = await asyncio.gather(*(member.load_scope() for member in members))
            self._counters.rights_loaded += len(members)
            for member, scope in zip(members, scopes, strict=True):
                # It may have gone while its rights were loaded.
                if scope is not None and self._audiences.has(member):
                    self.rescope(member, scope)


class Hub:
    """All the followers of one process."""

    def __init__(self, database: Database, *, tick_ms: int, page_size: int, counters: Counters) -> None:
        self._database = database
        self._tick_s = tick_ms / 1000
        self._page_size = page_size
        self._counters = counters
        self._followers: dict[UUID, Follower] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def heard_log(self, workspace_id: UUID, sequence: int) -> None:
        if follower := self._followers.get(workspace_id):
            follower.wake(sequence)

    def heard_access(self, workspace_id: UUID) -> None:
        if follower := self._followers.get(workspace_id):
            follower.wake()

    def heard_resync(self) -> None:
        for follower in self._followers.values():
            follower.wake()

    async def join(self, workspace_id: UUID, member: Member) -> Follower:
        """From here on, until `leave`, the member is offered all that is committed beyond the follower's position. Raises NotFound,
        Unavailable."""
        follower = self._followers.get(workspace_id)
        if follower is None:
            follower = Follower(self._database, workspace_id, self._page_size, self._counters)
            self._followers[workspace_id] = follower
        follower.add(member)
        try:
            await follower.start()
        except BaseException:
            self.leave(workspace_id, follower, member)
            raise
        return follower

    def leave(self, workspace_id: UUID, follower: Follower, member: Member) -> None:
        """The member follows no more; a log that nobody follows is read no more."""
        follower.remove(member)
        if follower.is_deserted and self._followers.get(workspace_id) is follower:
            del self._followers[workspace_id]
            self._stop(follower)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Ticking for as long as the block runs."""
        ticking = asyncio.create_task(self._tick(), name="trailcast-tick")
        try:
            yield
        finally:
            ticking.cancel()
            for follower in self._followers.values():
                self._stop(follower)
            for task in (ticking, *self._stopping):
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def _stop(self, follower: Follower) -> None:
        task = follower.stop()
        if task is not None:
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._tick_s)
            if not self._followers:
                continue
            try:
                async with self._database.looking_up() as connection:
                    heads = await read_heads(connection, list(self._followers))
            except TrailcastError as error:
                logger.warning("the tick could not look at the log (%s)", error.code)
                continue
            self._notice(heads)

    def _notice(self, heads: Mapping[UUID, LogHead]) -> None:
        # Not in the loop above, whose variables would keep a follower that has ended until the next one is looked at.
        for workspace_id, head in heads.items():
            if follower := self._followers.get(workspace_id):
                follower.notice(head.last_sequence, head.access_version)
