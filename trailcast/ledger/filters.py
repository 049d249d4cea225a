"""What a filter means: once as SQL, once for an event in hand. The two stand beside each other; a property test holds them equal.

A range of time becomes a range of sequence (`created_at` never falls along it), so any index that serves the rest of the
filter serves the time too. Text is the exception to the twin: only the database compares it (`matches` leaves it out, and
the live hub asks the database for the events of a batch that hold it).
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    false,
    func,
    literal_column,
    select,
)
from sqlalchemy.orm import aliased

from models import Event, Rollup
from trailcast.access.scope import Bind, Scope, by_value, counted_for, own_id, visible_to
from trailcast.ledger.catalogue import COMMENT
from trailcast.records import EventFilter, EventRecord, Outcome

SEQUENCE_MAX = 2**63 - 1
_ACTORS = ("agent_id", "user_id", "actor_id")
LIST_FIELDS = (
    "event_type", "category", "action", "outcome", "actor_kind", "actor_id", "agent_id", "user_id", "board_id", "task_id",
)  # fmt: skip
_SIGNS = re.compile("[%_/]")  # what means something else than itself in a pattern
# "C" sorts by byte, and no event type holds a byte above 0x7a: `prefix` up to `prefix` + this is all that begins with it.
AFTER_PREFIX = "\x7f"


def conditions(scope: Scope, wanted: EventFilter, bind: Bind = by_value) -> list[ColumnElement[bool]]:
    """The WHERE of every list, count and metric of events: what the scope may see, and of that what the filter wants."""
    return [
        visible_to(scope, bind),
        *narrowed(scope.workspace_id, wanted, bind),
        *names_own(scope, wanted, bind),
        *(as_actor(scope, wanted, bind) if is_of_boards_or_types(wanted) else ()),
    ]


def narrowed(workspace_id: UUID, wanted: EventFilter, bind: Bind = by_value) -> list[ColumnElement[bool]]:
    """What the filter wants, of whatever may be seen: never without `visible_to` beside it."""
    found = []
    for name in LIST_FIELDS:
        values = getattr(wanted, name)
        if values is not None:
            found.append(_one_of(name, [getattr(value, "value", value) for value in values], bind))
    if wanted.comments_only:
        found.append(_literally("event_type", [COMMENT]))
    if wanted.event_type_prefix is not None:
        found += prefix_range(wanted.event_type_prefix, bind)
    if wanted.entity is not None:
        found.append(Event.entity_type == bind("entity_type", wanted.entity.type, Text()))
        found.append(Event.entity_id == bind("entity_id", wanted.entity.id, Text()))
    if wanted.correlation_id is not None:
        found.append(Event.correlation_id == bind("correlation_id", wanted.correlation_id, Text()))
    if wanted.text is not None:
        found.append(holds_text(wanted.text))
    return found + time_range(workspace_id, wanted.since, wanted.until, bind)


def of_one_actor(wanted: EventFilter) -> EventFilter:
    """The same filter with one list of ids, where it has several: an event has one actor, who is an agent, a user, or neither."""
    given = [name for name in _ACTORS if getattr(wanted, name) is not None]
    if not given[1:]:
        return wanted
    first, *others = ([*getattr(wanted, name)] for name in given)
    is_possible = wanted.agent_id is None or wanted.user_id is None
    common = tuple(one for one in first if is_possible and all(one in other for other in others))
    return replace(wanted, **dict.fromkeys(given, None) | {given[0]: common})


def names_own(scope: Scope, wanted: EventFilter, bind: Bind = by_value) -> list[ColumnElement[bool]]:
    """What follows for a scope that sees its own events and no others: whoever is asked for is the caller, or there are none. It is
    said of the values alone, and so known before any event is looked at."""
    own = own_id(scope, bind)
    named = [(name, values) for name in _ACTORS if (values := getattr(wanted, name)) is not None]
    return [] if own is None else [_one_of(name, list(values), bind, own) for name, values in named]


def as_actor(scope: Scope, wanted: EventFilter, bind: Bind = by_value) -> list[ColumnElement[bool]]:
    """What follows from the other conditions: an agent's events, and a user's, are those of the actor with the same id. Of the three
    only actors have an index together with boards, and with types."""
    named = [(name, values) for name in _ACTORS[:2] if (values := getattr(wanted, name)) is not None]
    own = own_id(scope, bind)
    return [
        *(_one_of(name, list(values), bind, Event.actor_id) for name, values in named),
        *([] if own is None else [Event.actor_id == own]),
    ]


def is_of_boards_or_types(wanted: EventFilter) -> bool:
    """Whether it names any, so that it is of use to say whose events they are as actors (`as_actor`)."""
    prefix = wanted.event_type_prefix
    is_of_types = (
        wanted.event_type is not None or wanted.comments_only or (prefix is not None and not is_category(prefix))
    )
    return wanted.board_id is not None or is_of_types


def form_of_filter(wanted: EventFilter) -> tuple[object, ...]:
    """What of a filter decides how its conditions are written; equal for filters that differ only in values that are parameters."""
    prefix = wanted.event_type_prefix
    lengths = [None if (values := getattr(wanted, name)) is None else min(len(values), 2) for name in LIST_FIELDS]
    return (
        *lengths, wanted.outcome, wanted.comments_only, wanted.text, prefix is None, prefix is not None and is_category(prefix),
        wanted.entity is None, wanted.correlation_id is None, wanted.since is None, wanted.until is None,
    )  # fmt: skip


def is_of_whole_boards(wanted: EventFilter) -> bool:
    """Whether of a board all is wanted, or all of one type or with one outcome but success, at most within a range of time: what
    indexes give in page order, for one board and for one user."""
    kinds = (wanted.event_type, wanted.outcome, (True,) if wanted.comments_only else None)
    chosen = [kind for kind in kinds if kind is not None]
    return (
        len(chosen) <= 1
        and all(len(kind) == 1 for kind in chosen)
        and wanted.outcome != (Outcome.SUCCESS,)
        and all(getattr(wanted, name) is None for name in _NOT_OF_WHOLE_BOARDS)
    )


_OF_WHOLE_BOARDS = frozenset({"event_type", "outcome", "comments_only", "since", "until"})
_NOT_OF_WHOLE_BOARDS = tuple(name for name in EventFilter.__dataclass_fields__ if name not in _OF_WHOLE_BOARDS)
# What a filter may say that counts made beforehand can answer.
_ROLLED_UP = frozenset({
    "event_type", "event_type_prefix", "category", "comments_only", "outcome", "agent_id", "board_id", "since", "until",
})  # fmt: skip
_NOT_ROLLED_UP = tuple(name for name in EventFilter.__dataclass_fields__ if name not in _ROLLED_UP)
ROLLED_CATEGORY: ColumnElement[str] = func.split_part(
    Rollup.event_type, literal_column("'.'"), literal_column("1"), type_=Text
)
_ROLLED_COLUMNS: dict[str, Any] = {
    "event_type": Rollup.event_type, "category": ROLLED_CATEGORY, "agent_id": Rollup.key, "board_id": Rollup.key,
}  # fmt: skip


def is_rolled_up(wanted: EventFilter) -> bool:
    """Whether what it says is all in the rows of `rollups`."""
    return wanted.outcome in {None, (Outcome.FAILURE,)} and all(
        getattr(wanted, name) is None for name in _NOT_ROLLED_UP
    )


def rolled_conditions(scope: Scope, wanted: EventFilter, bind: Bind = by_value) -> list[ColumnElement[bool]]:
    """`conditions` for rows of `rollups`, of a filter that is rolled up; of which kinds, and of when, is not said here."""
    found = [counted_for(scope, bind)]
    for name, column in _ROLLED_COLUMNS.items():
        values = getattr(wanted, name)
        if values is not None:
            found.append(_one_of(name, list(values), bind, column))
    if wanted.comments_only:
        found.append(Rollup.event_type == bindparam(None, COMMENT, literal_execute=True))
    if wanted.event_type_prefix is not None:
        found += prefix_range(wanted.event_type_prefix, bind, Rollup.event_type, ROLLED_CATEGORY)
    if wanted.outcome is not None:
        found.append(Rollup.failed > literal_column("0"))
    return found


def _one_of(name: str, values: list[Any], bind: Bind, column: Any = None) -> ColumnElement[bool]:
    """The column, or what else is given for it, has one of these values."""
    if not values:
        return false()
    if name == "outcome":
        return _literally(name, values)
    column = getattr(Event, name) if column is None else column
    kind = column.type
    if len(values) == 1:
        return column == bind(name, values[0], kind)  # type: ignore[no-any-return]
    return column == any_(bind(f"{name}s", values, ARRAY(kind)))  # type: ignore[no-any-return]


def _literally(name: str, values: list[str]) -> ColumnElement[bool]:
    """The same for values that a partial index names, which stand in the statement itself: behind a parameter the planner could not
    tell that the index covers them, once it has settled on one plan for all values."""
    column = getattr(Event, name)
    if len(values) == 1:
        return column == bindparam(None, values[0], literal_execute=True)  # type: ignore[no-any-return]
    return column.in_(bindparam(None, values, expanding=True, literal_execute=True))  # type: ignore[no-any-return]


def prefix_range(
    prefix: str, bind: Bind = by_value, event_type: Any = Event.event_type, category: Any = Event.category
) -> list[ColumnElement[bool]]:
    """Event types that begin with `prefix`. A whole first segment is a category, whose index is in page order."""
    if is_category(prefix):
        return [category == bind("prefix_category", prefix[:-1], Text())]
    kind = Event.event_type.type
    return [event_type >= bind("prefix", prefix, kind), event_type < bind("prefix_end", prefix + AFTER_PREFIX, kind)]


def is_category(prefix: str) -> bool:
    """Whether it is a whole first segment, whose types are those of a category."""
    return prefix.endswith(".") and prefix.count(".") == 1


def holds_text(text: str, message: Any = Event.message) -> ColumnElement[bool]:
    """The message holds this text, whatever the case. Served by the trigram index from three characters on.

    It stands in the statement itself: behind a parameter the planner settles on one plan for rare words and for frequent
    ones, which is to walk the log until a page is full, and that is the whole log for a rare word.
    """
    pattern = _SIGNS.sub(r"/\g<0>", text)
    found: ColumnElement[bool] = message.ilike(bindparam(None, f"%{pattern}%", literal_execute=True), escape="/")
    return found


def time_range(
    workspace_id: UUID, since: datetime | None, until: datetime | None, bind: Bind = by_value
) -> list[ColumnElement[bool]]:
    """Recorded at `since` or later, before `until`: as a range of sequence."""
    found: list[ColumnElement[bool]] = []
    if since is not None:
        found.append(Event.sequence >= first_since(workspace_id, since, "since", bind).scalar_subquery())
    if until is not None:
        end = func.coalesce(
            first_since(workspace_id, until, "until", bind).scalar_subquery(), literal_column(str(SEQUENCE_MAX))
        )
        found.append(Event.sequence < end)
    return found


def first_since(workspace_id: UUID, moment: datetime, name: str = "since", bind: Bind = by_value) -> Select[int]:
    """The sequence of the first event recorded at `moment` or later; no row where there is none.

    Reads one entry of an index and shows nothing to anybody: it turns a bound into another bound.
    """
    event = aliased(Event)
    return (
        select(event.sequence)
        .where(event.workspace_id == bind("workspace_id", workspace_id, Uuid()))
        .where(event.created_at >= bind(name, moment, DateTime(timezone=True)))
        .order_by(event.created_at, event.sequence)
        .limit(literal_column("1"))  # no parameter: it never has another value
    )


def matches(wanted: EventFilter, event: EventRecord) -> bool:
    """`conditions` without scope and text, for an event that was read with all fields that a filter can name."""
    for name in LIST_FIELDS:
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
