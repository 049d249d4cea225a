"""Who is concerned by an event: the members of a followed log, sorted by what they may see and want.

Members of one `Audience` are matched once. An audience is found by the addresses under which events that it wants can come (a board, a
task, an actor, or anywhere), so an event costs what it concerns and not how many listen. The addresses only narrow the search: what is
delivered is decided by `admits` and `matches`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import orjson

from trailcast.access.scope import Scope, places_of
from trailcast.records import EventFilter, EventRecord

RECORD_BYTES = 1024  # of a record beside its texts, measured roughly; the bound is there to hold, not to account
ANYWHERE = None

Address = UUID | None


@dataclass(frozen=True, slots=True)
class Audience:
    """Who sees the same: the same rights, the same filter."""

    scope: Scope
    wanted: EventFilter

    def addresses(self) -> frozenset[Address]:
        """Under at least one of these comes every event that this audience may see and wants. Each once, however often a filter
        names it: a group is entered and struck out under each."""
        for asked in (self.wanted.task_id, self.wanted.board_id):
            if asked is not None:
                return frozenset(asked)
        return frozenset(places_of(self.scope))


def addresses_of(event: EventRecord) -> tuple[Address, ...]:
    """All addresses of one event."""
    return (ANYWHERE, event.board_id, event.task_id, event.agent_id, event.user_id)


@dataclass(eq=False, slots=True)
class Delivery:
    """One event as some may see it. `answers` is for what is made of it, by how it was asked for, so that it is made once; it
    must hold nothing that depends on more than the event as it is shown here and that key."""

    event: EventRecord
    size: int
    answers: dict[Hashable, bytes] = field(default_factory=dict)


def deliver(event: EventRecord) -> Delivery:
    """The event, with its size."""
    return Delivery(event, size_of(event))


def size_of(event: EventRecord) -> int:
    """What it roughly takes in memory, in bytes."""
    texts = (event.message, event.metadata, [change.after for change in event.changes or ()])
    return RECORD_BYTES + len(orjson.dumps(texts))


class Member(Protocol):
    """What follows a log: it is offered every event of its audience once, in order."""

    audience: Audience

    def offer(self, deliveries: Sequence[Delivery]) -> None:
        """Take what is new. Must not wait."""

    def fall_behind(self) -> None:
        """Read the log instead: there is something new, and nobody has sorted it out for this audience yet."""

    def rescope(self, scope: Scope, position: int) -> None:
        """Take on other rights; all beyond the position will be offered under them."""

    async def load_scope(self) -> Scope | None:
        """The rights of now, because they may have changed; None where they have ended, and the member with them."""


@dataclass(eq=False, slots=True)
class Group:
    """The members of one audience."""

    audience: Audience
    members: set[Member] = field(default_factory=set)


class Audiences:
    """The members of one log, by audience and by address."""

    def __init__(self) -> None:
        self._groups: dict[Audience, Group] = {}
        self._addressed: dict[Address, set[Group]] = {}

    @property
    def members(self) -> list[Member]:
        return [member for group in self._groups.values() for member in group.members]

    def __bool__(self) -> bool:
        return bool(self._groups)

    def has(self, member: Member) -> bool:
        group = self._groups.get(member.audience)
        return group is not None and member in group.members

    def texts(self) -> set[str]:
        """The texts that somebody looks for."""
        return {audience.wanted.text for audience in self._groups if audience.wanted.text is not None}

    def add(self, member: Member) -> bool:
        """Whether it is the first of its audience."""
        group = self._groups.get(member.audience)
        is_new = group is None
        if group is None:
            group = self._groups[member.audience] = Group(member.audience)
            for address in group.audience.addresses():
                self._addressed.setdefault(address, set()).add(group)
        member.audience = group.audience  # one object for all of them
        group.members.add(member)
        return is_new

    def remove(self, member: Member) -> bool:
        """Whether it was the last of its audience. A member that is not there is none."""
        group = self._groups.get(member.audience)
        if group is None or member not in group.members:
            return False
        group.members.remove(member)
        if group.members:
            return False
        del self._groups[group.audience]
        for address in group.audience.addresses():
            addressed = self._addressed[address]
            addressed.remove(group)
            if not addressed:
                del self._addressed[address]
        return True

    def concerned_by(self, event: EventRecord) -> set[Group]:
        """All groups that this event can concern, and some more."""
        concerned: set[Group] = set()
        for address in addresses_of(event):
            concerned |= self._addressed.get(address, set())
        return concerned
