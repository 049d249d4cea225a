"""One reader's place in a log: what it was given, what waits for it, and where that goes.

A subscription is offered what the hub reads. While its sink takes everything at once, an offer is handed over on the spot, without
a task of its own and without a queue. Otherwise it is queued, up to a bound, and a task (the pump) hands it over as the sink allows.
Beyond the bound the queue is dropped and the pump reads the log, in pages, from the last event that was handed over to where the hub
is now; joining is the same, from the cursor on. Sequence order is commit order, so nothing at or below the hub's position can
appear later: the two parts have no seam. Everything is held against the rights of the moment when it is handed over.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from trailcast.access.principal import Principal
from trailcast.access.scope import Scope, admits
from trailcast.access.tokens import TokenScope
from trailcast.clock import Clock
from trailcast.errors import Forbidden, Unauthenticated, Unavailable
from trailcast.ledger.columns import shown_as, variant_for
from trailcast.ledger.database import Database
from trailcast.ledger.reader import read_range
from trailcast.live.audiences import Audience, Delivery, deliver, size_of
from trailcast.live.counters import Counters
from trailcast.live.hub import Follower, Hub
from trailcast.records import EventRecord
from trailcast.settings import Settings


class Caller(Protocol):
    """Whoever subscribes, as far as a feed needs it: its rights, whenever asked."""

    async def load(self) -> Principal | None:
        """The principal as it stands now; None when the credential does not count any more. Raises Unavailable."""


class Sink(Protocol):
    """Where the events of one subscription go."""

    @property
    def is_ready(self) -> bool:
        """Whether an event can be put at this moment."""

    async def until_ready(self) -> None:
        """Return when an event can be put."""

    def put(self, delivery: Delivery) -> None:
        """Take an event. Only while ready; must not wait."""

    def end(self, error: Exception) -> None:
        """Nothing will be put any more, and this is why."""


class Channel:
    """A sink for those who read in a loop: takes an event only while somebody waits for it."""

    def __init__(self) -> None:
        self._taker: asyncio.Future[Delivery | None] | None = None
        self._taking = asyncio.Event()
        self._error: Exception | None = None

    @property
    def is_ready(self) -> bool:
        return self._taker is not None and not self._taker.done()

    async def until_ready(self) -> None:
        while not self.is_ready:
            self._taking.clear()
            await self._taking.wait()

    def put(self, delivery: Delivery) -> None:
        assert self._taker is not None
        self._taker.set_result(delivery)

    def end(self, error: Exception) -> None:
        self._error = error
        if self._taker is not None and not self._taker.done():
            self._taker.set_exception(error)

    async def take(self, timeout_s: float | None = None) -> Delivery | None:
        """The next event; None when there was none in time. Raises what ended the subscription."""
        if self._error is not None:
            raise self._error
        loop = asyncio.get_running_loop()
        self._taker = loop.create_future()
        self._taking.set()
        # A timer, not a cancellation: that could come when the event is there already, and lose it.
        timer = None if timeout_s is None else loop.call_later(timeout_s, self._give_nothing, self._taker)
        try:
            return await self._taker
        finally:
            self._taker = None
            if timer is not None:
                timer.cancel()

    @staticmethod
    def _give_nothing(taker: asyncio.Future[Delivery | None]) -> None:
        if not taker.done():
            taker.set_result(None)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all subscriptions of a process work with."""

    database: Database
    hub: Hub
    settings: Settings
    clock: Clock
    counters: Counters


class Subscription:
    """A member of the hub, from `join` to `close`."""

    __slots__ = (
        "_caller", "_expires_at", "_expiry", "_follower", "_former", "_pump", "_queue", "_queued_bytes", "_shared",
        "_sink", "audience", "behind", "ended", "last", "not_before",
    )  # fmt: skip

    def __init__(self, caller: Caller, audience: Audience, shared: Shared) -> None:
        self.audience = audience
        self.last = 0  # the newest event that was handed over or passed by
        self.not_before: datetime | None = None  # a time yet to come: nothing from before it
        self.behind = True  # the log has to be read; what is offered meanwhile is in it
        self.ended: Exception | None = None
        self._caller = caller
        self._shared = shared
        self._follower: Follower | None = None
        self._queue: deque[Delivery] = deque()
        self._queued_bytes = 0
        # Rights that were in force up to a position: what lies at or below was not visible just because it is now.
        self._former: tuple[tuple[int, Scope], ...] = ()
        self._sink: Sink | None = None
        self._pump: asyncio.Task[None] | None = None
        self._expires_at: datetime | None = None
        self._expiry: asyncio.TimerHandle | None = None

    async def join(self) -> Follower:
        """Be a member from here on. Raises NotFound, Unavailable."""
        self._follower = await self._shared.hub.join(self.scope.workspace_id, self)
        return self._follower

    def end_at(self, moment: datetime | None) -> None:
        """Have it end with the credential that it came by, whose expiry may have moved since it was last said. Of a member only."""
        if moment == self._expires_at or self._follower is None:
            return
        self._expires_at = moment
        if self._expiry is not None:
            self._expiry.cancel()
        if moment is not None:
            left = max(moment - self._shared.clock(), timedelta(0)).total_seconds()
            error = Unauthenticated("The credential of this feed has expired.")
            self._expiry = asyncio.get_running_loop().call_later(left, self.end, error)

    def close(self) -> None:
        """Leave the hub, and hand over nothing more. May be called again."""
        follower, self._follower, self._sink = self._follower, None, None
        if self._expiry is not None:
            self._expiry.cancel()
        if follower is not None:
            self._shared.hub.leave(self.scope.workspace_id, follower, self)
        self._stop()

    @property
    def scope(self) -> Scope:
        return self.audience.scope

    @property
    def is_live(self) -> bool:
        """Whether all that there was has been handed over, and what comes will be at once."""
        return self._sink is not None and self._pump is None and not self.behind and self.ended is None

    def attach(self, sink: Sink) -> None:
        """Begin: what the log holds, then what comes, goes there."""
        self._sink = sink
        if self.ended is not None:
            sink.end(self.ended)
        else:
            self._work()

    async def __aiter__(self) -> AsyncGenerator[Delivery]:
        """Events for as long as the reader reads and may. Raises what ends the subscription; closes it at the end."""
        channel = Channel()
        self.attach(channel)
        try:
            while True:
                delivery = await channel.take()
                assert delivery is not None
                yield delivery
        finally:
            self.close()

    def offer(self, deliveries: Sequence[Delivery]) -> None:
        """Hand them over, or queue them; beyond the bound, drop all and read the log instead. Never fails."""
        if self.behind or self.ended is not None:
            return
        for delivery in deliveries:
            sink = self._sink
            if self._pump is None and sink is not None and not self._queue and sink.is_ready:
                self._hand_over(sink, delivery)
            elif not self._enqueue(delivery):
                return
        if self._queue:
            self._work()

    def fall_behind(self) -> None:
        """Drop what is queued and read the log instead."""
        self._empty()
        self.behind = True
        self._work()

    def rescope(self, scope: Scope, position: int) -> None:
        """Take on other rights. What waits is held against both: what was hidden when it was committed stays so."""
        if self.behind or self._pump is not None:
            self._former = (*self._former, (position, self.audience.scope))
        else:
            self.last = max(self.last, position)  # what was hidden up to there is not to be read from the log some day
        self.audience = replace(self.audience, scope=scope)
        waiting = list(self._queue)
        self._empty()
        for delivery in waiting:
            event = delivery.event
            if admits(scope, event):
                shown = shown_as(variant_for(scope, event), event)
                self._enqueue(delivery if shown is event else deliver(shown))

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
        try:
            principal.require(TokenScope.READ)
        except Forbidden as error:
            self.end(error)
            return None
        self.end_at(principal.expires_at)
        return principal.scope

    def end(self, error: Exception) -> None:
        """Hand over nothing any more, and say why. The first reason counts."""
        if self.ended is None:
            self.ended = error
            self._empty()
            self._stop()
            if self._sink is not None:
                self._sink.end(error)

    def _stop(self) -> None:
        if self._pump is not None and self._pump is not asyncio.current_task():
            self._pump.cancel()

    def _hand_over(self, sink: Sink, delivery: Delivery) -> None:
        event = delivery.event
        # At or below `last`: committed before the feed began, but read by the hub after.
        if event.sequence <= self.last:
            return
        self.last = event.sequence
        if self.not_before is not None and (event.created_at is None or event.created_at < self.not_before):
            return
        try:
            sink.put(delivery)
        except Exception as error:  # noqa: BLE001 - what one reader's answer fails with must not keep others from theirs
            self.end(error)
        else:
            self._shared.counters.deliveries += 1

    def _enqueue(self, delivery: Delivery) -> bool:
        self._queue.append(delivery)
        self._queued_bytes += delivery.size
        settings = self._shared.settings
        if len(self._queue) > settings.feed_items_max or self._queued_bytes > settings.feed_bytes_max:
            self._shared.counters.overflows += 1
            self.fall_behind()
            return False
        return True

    def _empty(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0

    def _work(self) -> None:
        if self._pump is None and self._sink is not None and self.ended is None:
            self._pump = asyncio.create_task(self._run(self._sink), name="trailcast-pump")

    async def _run(self, sink: Sink) -> None:
        """The pump: until nothing waits and the log was read, or the end."""
        try:
            while self.ended is None:
                if self.behind:
                    await self._read_log(sink)
                elif self._queue:
                    await sink.until_ready()
                    if self._queue:  # not dropped meanwhile
                        delivery = self._queue.popleft()
                        self._queued_bytes -= delivery.size
                        self._hand_over(sink, delivery)
                else:
                    return
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this feed and no other
            self.end(error)
        finally:
            self._pump = None
            if self._former:
                # All up to there was handed over, or is hidden: reading the log some day must not begin before it.
                self.last = max(self.last, self._former[-1][0])
                self._former = ()

    async def _read_log(self, sink: Sink) -> None:
        """Hand over what the log holds, up to where the hub is now."""
        # In this order and without an await between: from here on, all beyond `target` is offered to the queue.
        self._empty()
        self.behind = False
        if self._follower is None:
            return
        target, page_size = self._follower.position, self._shared.settings.feed_page_size
        while self.last < target:
            page = deque(await self._read_page(target, page_size))
            up_to = page[-1].sequence if len(page) == page_size else target
            fits = False
            while page:
                if not sink.is_ready:
                    if not fits:
                        up_to, fits = self._make_fit(page, up_to), True
                    await sink.until_ready()
                    if self.ended is not None:
                        return
                event = page.popleft()
                if self._may_see(event):
                    self._hand_over(sink, deliver(shown_as(variant_for(self.scope, event), event)))
            self.last = up_to

    def _make_fit(self, page: deque[EventRecord], up_to: int) -> int:
        """Of a page that has to wait, keep as much as may be queued, and at least an event; the rest is read again. Where it ends."""
        size = 0
        for place, event in enumerate(page):
            size += size_of(event)
            if place and size > self._shared.settings.feed_bytes_max:
                while len(page) > place:
                    page.pop()
                return page[-1].sequence
        return up_to

    async def _read_page(self, up_to: int, limit: int) -> list[EventRecord]:
        self._shared.counters.replays += 1
        return await read_range(
            self._shared.database, self.scope, self.audience.wanted, after=self.last, up_to=up_to, limit=limit
        )

    def _may_see(self, event: EventRecord) -> bool:
        """By the rights of now, and by those that were in force when the hub came past it."""
        former = (scope for position, scope in self._former if event.sequence <= position)
        return admits(self.scope, event) and all(admits(scope, event) for scope in former)
