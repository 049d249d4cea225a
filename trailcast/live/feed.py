"""Makes subscriptions: checks where they begin, joins them to the hub, and ends them when their credential does.

Joining has no seam: the reader is registered with the hub first, which fixes a position P; then it reads the log from its
cursor up to P (`trailcast.live.subscription`); everything beyond P is offered to it by the hub.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trailcast.access.principal import Principal
from trailcast.access.tokens import TokenScope
from trailcast.errors import BadCursor, BadUserInput, CursorExpired, LimitExceeded, Unauthenticated
from trailcast.ledger.cursor import decode_sequence
from trailcast.ledger.reader import read_first_since
from trailcast.live.audiences import Audience
from trailcast.live.subscription import Caller, Shared, Subscription
from trailcast.records import EventFilter


@dataclass(frozen=True, slots=True)
class Start:
    """Where a feed begins: after a cursor, at a time, or (neither) with what is committed from now on."""

    after: str | None = None
    since: datetime | None = None


class Feed:
    """One per process."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def follow(self, caller: Caller, wanted: EventFilter, start: Start) -> Subscription:
        """A subscription that stands: it is registered, and its cursor is good. `attach` it or iterate it, and `close` it.

        Raises BadUserInput, BadCursor, CursorExpired, Forbidden, LimitExceeded, Unauthenticated, Unavailable.
        """
        if start.after is not None and start.since is not None:
            raise BadUserInput("Give after or since, not both.", ("since",))
        principal = await _loaded(caller)
        most = self._shared.settings.subscriptions_max
        # Without an await before `join` counts it: of many that come at once, none is to pass with a count that others had seen.
        if self._shared.counters.subscribers >= most:
            raise LimitExceeded(f"This server runs {most} subscriptions, which is its most: come back later.")
        subscription = Subscription(caller, Audience(principal.scope, wanted), self._shared)
        try:
            follower = await subscription.join()
            if principal.head.access_version < follower.version:
                # Rights changed while it came in, and the members of the log were told before it was one of them.
                principal = await _loaded(caller, principal.workspace.id)
                follower.rescope(subscription, principal.scope)
            # Without an await since these rights were known to be of now: a later change finds the subscription with its expiry.
            subscription.end_at(principal.expires_at)
            await self._place(subscription, principal, start)
        except BaseException:
            subscription.close()
            raise
        return subscription

    async def _place(self, subscription: Subscription, principal: Principal, start: Start) -> None:
        """Set the subscription to the sequence after which it begins."""
        head, workspace_id = principal.head, principal.workspace.id
        if start.after is not None:
            after = decode_sequence(workspace_id, start.after)
            if after > head.last_sequence:
                raise BadCursor
            if after < head.first_sequence - 1:
                raise CursorExpired
            subscription.last = after
            return
        subscription.last = head.last_sequence
        if start.since is not None:
            async with self._shared.database.reading(workspace_id) as connection:
                first = await read_first_since(connection, workspace_id, start.since)
            if first is None:
                subscription.not_before = start.since
            else:
                subscription.last = first - 1


async def _loaded(caller: Caller, workspace_id: UUID | None = None) -> Principal:
    principal = await caller.load()
    if principal is None or workspace_id not in {None, principal.workspace.id}:
        raise Unauthenticated
    principal.require(TokenScope.READ)
    return principal
