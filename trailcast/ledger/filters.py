"""What a filter means: once as SQL, once for an event in hand. The two stand beside each other; a property test holds them equal.

A range of time becomes a range of sequence (`created_at` never falls along it), so any index that serves the rest of the
filter serves the time too. Text is the exception to the twin: only the database compares it (`matches` leaves it out, and
the live hub asks the database for the events of a batch that hold it).
"""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, false, func, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from models import Event
from trailcast.access.scope import Scope, visible_to
from trailcast.ledger.catalogue import COMMENT
from trailcast.records import EventFilter, EventRecord

SEQUENCE_MAX = 2**63 - 1
_LIST_FIELDS = (
    "event_type", "category", "action", "outcome", "actor_kind", "actor_id", "agent_id", "user_id", "board_id", "task_id",
)  # fmt: skip
_SIGNS = re.compile("[%_/]")  # what means something else than itself in a pattern
# "C" sorts by byte, and no event type holds a byte above 0x7a: `prefix` up to `prefix` + this is all that begins with it.
_AFTER_PREFIX = "\x7f"


def conditions(scope: Scope, wanted: EventFilter) -> list[ColumnElement[bool]]:
    """The WHERE of every list, count and metric of events: what the scope may see, and of that what the filter wants."""
    found = [visible_to(scope)]
    for name in _LIST_FIELDS:
        values = getattr(wanted, name)
        if values is not None:
            column = getattr(Event, name)
            plain = [getattr(value, "value", value) for value in values]
            found.append(_one_of(column, plain, literal=name == "outcome"))
    if wanted.comments_only:
        found.append(_one_of(Event.event_type, [COMMENT], literal=True))
    if wanted.event_type_prefix is not None:
        found += prefix_range(wanted.event_type_prefix)
    if wanted.entity is not None:
        found += [Event.entity_type == wanted.entity.type, Event.entity_id == wanted.entity.id]
    if wanted.correlation_id is not None:
        found.append(Event.correlation_id == wanted.correlation_id)
    if wanted.text is not None:
        found.append(holds_text(wanted.text))
    return found + time_range(scope.workspace_id, wanted.since, wanted.until)


def _one_of(column: InstrumentedAttribute[Any], values: list[Any], *, literal: bool = False) -> ColumnElement[bool]:
    """The column has one of these values.

    Values that a partial index names stand in the statement itself: behind a parameter the planner could not tell that the
    index covers them, once it has settled on one plan for all values.
    """
    if not values:
        return false()
    if len(values) == 1:
        return column == bindparam(None, values[0], literal_execute=literal)
    return column.in_(bindparam(None, values, expanding=True, literal_execute=literal))


def prefix_range(prefix: str) -> list[ColumnElement[bool]]:
    """Event types that begin with `prefix`. A whole first segment is a category, whose index is in page order."""
    if prefix.endswith(".") and prefix.count(".") == 1:
        return [Event.category == prefix[:-1]]
    return [Event.event_type >= prefix, Event.event_type < prefix + _AFTER_PREFIX]


def holds_text(text: str) -> ColumnElement[bool]:
    """The message holds this text, whatever the case. Served by the trigram index from three characters on.

    It stands in the statement itself: behind a parameter the planner settles on one plan for rare words and for frequent
    ones, which is to walk the log until a page is full, and that is the whole log for a rare word.
    """
    pattern = _SIGNS.sub(r"/\g<0>", text)
    return Event.message.ilike(bindparam(None, f"%{pattern}%", literal_execute=True), escape="/")


def time_range(workspace_id: UUID, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Recorded at `since` or later, before `until`: as a range of sequence."""
    found: list[ColumnElement[bool]] = []
    if since is not None:
        found.append(Event.sequence >= first_since(workspace_id, since).scalar_subquery())
    if until is not None:
        found.append(Event.sequence < func.coalesce(first_since(workspace_id, until).scalar_subquery(), SEQUENCE_MAX))
    return found


def first_since(workspace_id: UUID, moment: datetime) -> Select[int]:
    """The sequence of the first event recorded at `moment` or later; no row where there is none.

    Reads one entry of an index and shows nothing to anybody: it turns a bound into another bound.
    """
    event = aliased(Event)
    return (
        select(event.sequence)
        .where(event.workspace_id == workspace_id, event.created_at >= moment)
        .order_by(event.created_at, event.sequence)
        .limit(1)
    )


def matches(wanted: EventFilter, event: EventRecord) -> bool:
    """`conditions` without scope and text, for an event that was read with all fields that a filter can name."""
    for name in _LIST_FIELDS:
        values = getattr(wanted, name)
        if values is not None and _value(event, name) not in values:
            return False
    event_type, created_at = event.event_type or "", event.created_at
    return (
        (not wanted.comments_only or event.event_type == COMMENT)
        and (wanted.event_type_prefix is None or event_type.startswith(wanted.event_type_prefix))
        and (wanted.entity is None or (event.entity_type, event.entity_id) == (wanted.entity.type, wanted.entity.id))
        and (wanted.correlation_id is None or event.correlation_id == wanted.correlation_id)
        and (wanted.since is None or _reached(created_at, wanted.since))
        and (wanted.until is None or not _reached(created_at, wanted.until))
    )


def _reached(created_at: datetime | None, moment: datetime) -> bool:
    return created_at is not None and created_at >= moment


def _value(event: EventRecord, name: str) -> object:
    if name == "actor_kind":
        return event.actor.kind if event.actor else None
    return getattr(event, name)
