"""One reader's feed: every event that it may see, once, in order, from its cursor on, until it goes or its rights end.

Joining has no seam: the reader is registered with the hub first, which fixes a position P; then it reads the log from its
cursor up to P; everything beyond P is offered to its queue by the hub. Sequence order is commit order, so no event at or
below P can appear later. A queue that overflows is emptied and the reader falls back to the log in the same way, so a slow reader
costs bounded memory and misses nothing. Every event is held against the rights of the moment when it is handed out.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast

from trailcast.access.principal import Principal
from trailcast.access.scope import Scope, admits
from trailcast.clock import Clock
from trailcast.errors import BadCursor, BadUserInput, CursorExpired, TrailcastError, Unauthenticated, Unavailable
from trailcast.ledger.columns import shown_to
from trailcast.ledger.cursor import decode_sequence
from trailcast.ledger.database import Database
from trailcast.ledger.reader import read_first_since, read_head, read_range
from trailcast.live.hub import Audience, Delivery, Follower, Hub, deliver
from trailcast.records import EventFilter, EventRecord
from trailcast.settings import Settings


class Caller(Protocol):
    """Whoever subscribes, as far as a feed needs it: its rights, whenever asked."""

    async def load(self) -> Principal | None:
        """The principal as it stands now; None when the credential does not count any more. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a feed begins: after a cursor, at a time, or (neither) with what is committed from now on."""

    after: str | None = None
    since: datetime | None = None


class Subscription:
    """A member of the hub: the queue between the one who reads the log and the one who reads the feed."""

    def __init__(self, caller: Caller, scope: Scope, wanted: EventFilter, settings: Settings) -> None:
        self._caller = caller
        self._items_max = settings.feed_items_max
        self._bytes_max = settings.feed_bytes_max
        self._queue: deque[Delivery] = deque()
        self._queued_bytes = 0
        self._changed = asyncio.Event()
        self.audience = Audience(scope, wanted)
        self.behind = False
        self.ended: TrailcastError | None = None

    @property
    def scope(self) -> Scope:
        return self.audience.scope

    def offer(self, deliveries: Sequence[Delivery]) -> None:
        """Queue them; beyond the bound, drop all and read the log instead."""
        if self.behind or self.ended:
            return
        for delivery in deliveries:
            self._queue.append(delivery)
            self._queued_bytes += delivery.size
        if len(self._queue) > self._items_max or self._queued_bytes > self._bytes_max:
            self.fall_behind()
        self._changed.set()

    async def load_scope(self) -> Scope | None:
        """The rights of now; None ends the feed."""
        try:
            principal = await self._caller.load()
        except Unavailable:
            # Rights that cannot be confirmed do not count; the reader may come back with its cursor.
            self.end(Unavailable())
            return None
        if principal is None or principal.scope.workspace_id != self.scope.workspace_id:
            self.end(Unauthenticated("The credential of this feed does not count any more."))
            return None
        return principal.scope

    def end(self, error: TrailcastError) -> None:
        self.ended = error
        self.empty()
        self._changed.set()

    def fall_behind(self) -> None:
        self.empty()
        self.behind = True
        self._changed.set()

    def empty(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0

    async def take(self) -> Delivery | None:
        """The next event; None once the reader has fallen behind. Raises what ended the feed."""
        while True:
            if self.ended is not None:
                raise self.ended
            if self.behind:
                return None
            if self._queue:
                delivery = self._queue.popleft()
                self._queued_bytes -= delivery.size
                return delivery
            self._changed.clear()
            await self._changed.wait()


class Feed:
    """Makes feeds. Holds the hub and the database; one per process."""

    def __init__(self, database: Database, hub: Hub, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._hub = hub
        self._settings = settings
        self._clock = clock

    async def follow(self, caller: Caller, wanted: EventFilter, start: Start) -> AsyncGenerator[Delivery]:
        """Events for as long as the caller listens and may. Returns once the reader is registered and its cursor is good.

        Raises BadUserInput, BadCursor, CursorExpired, Unauthenticated, Unavailable.
        """
        feed = self._follow(caller, wanted, start)
        # The first item says only that the feed stands: what is wrong with a request is then an answer to the request,
        # not the end of a stream that seemed to have begun.
        await anext(feed)
        return cast("AsyncGenerator[Delivery]", feed)

    async def _follow(self, caller: Caller, wanted: EventFilter, start: Start) -> AsyncGenerator[Delivery | None]:
        if start.after is not None and start.since is not None:
            raise BadUserInput("Give after or since, not both.", ("since",))
        principal = await _loaded(caller)
        workspace_id = principal.workspace.id
        subscription = Subscription(caller, principal.scope, wanted, self._settings)
        async with self._hub.joined(workspace_id, subscription) as follower:
            # Once more, now that every later change of access is told to the subscription: what changed in between counts.
            principal = await _loaded(caller)
            follower.regroup(subscription, principal.scope)
            last = await self._first_position(principal, start)
            ending = self._end_on_expiry(subscription, principal)
            try:
                yield None
                async with aclosing(self._events(subscription, follower, wanted, last)) as events:
                    async for delivery in events:
                        created_at = delivery.event.created_at
                        # A time that is yet to come: nothing from before it.
                        if start.since is None or (created_at is not None and created_at >= start.since):
                            yield delivery
            finally:
                if ending is not None:
                    ending.cancel()

    async def _first_position(self, principal: Principal, start: Start) -> int:
        """The sequence after which the feed begins."""
        workspace_id = principal.workspace.id
        async with self._database.reading() as connection:
            head = await read_head(connection, workspace_id)
            if head is None:
                raise Unauthenticated
            if start.after is not None:
                after = decode_sequence(workspace_id, start.after)
                if after > head.last_sequence:
                    raise BadCursor
                if after < head.first_sequence - 1:
                    raise CursorExpired
                return after
            if start.since is not None:
                first = await read_first_since(connection, workspace_id, start.since)
                return head.last_sequence if first is None else first - 1
            return head.last_sequence

    async def _events(
        self, subscription: Subscription, follower: Follower, wanted: EventFilter, last: int
    ) -> AsyncGenerator[Delivery]:
        """Replay from the log up to the hub's position, then its offers; back to the log whenever the reader falls behind."""
        while True:
            # In this order and without an await between: from here on, all beyond `target` is offered to the queue.
            subscription.empty()
            subscription.behind = False
            target = follower.position
            while last < target:
                page = await self._replay(subscription, wanted, last, target)
                for event in page:
                    if subscription.ended is not None:
                        raise subscription.ended
                    if admits(subscription.scope, event):
                        yield deliver(subscription.scope, shown_to(subscription.scope, event))
                last = page[-1].sequence if len(page) == self._settings.feed_page_size else target
            while (offered := await subscription.take()) is not None:
                # At or below `last`: committed before the feed began, but read by the hub after.
                event = offered.event
                if event.sequence <= last:
                    continue
                last = event.sequence
                if offered.scope is subscription.scope:
                    yield offered
                elif admits(subscription.scope, event):
                    # Its rights have changed since this was queued.
                    yield deliver(subscription.scope, shown_to(subscription.scope, event))

    async def _replay(
        self, subscription: Subscription, wanted: EventFilter, after: int, up_to: int
    ) -> list[EventRecord]:
        async with self._database.reading() as connection:
            return await read_range(
                connection, subscription.scope, wanted, after=after, up_to=up_to, limit=self._settings.feed_page_size
            )

    def _end_on_expiry(self, subscription: Subscription, principal: Principal) -> asyncio.TimerHandle | None:
        if principal.expires_at is None:
            return None
        left = max(principal.expires_at - self._clock(), timedelta(0))
        error = Unauthenticated("The credential of this feed has expired.")
        return asyncio.get_running_loop().call_later(left.total_seconds(), subscription.end, error)


async def _loaded(caller: Caller) -> Principal:
    principal = await caller.load()
    if principal is None:
        raise Unauthenticated
    return principal
