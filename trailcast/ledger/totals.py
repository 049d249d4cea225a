"""The statements of bounded counts, made once for each form of what is asked (`trailcast.ledger.prepared`).

A count is cheap where one index holds all that is asked for: ten thousand of its entries are a millisecond, wherever they lie. Of
what no index holds, a text or filters that have none together, each event has to be looked at. So a count looks at so many of them
and at no more, those that the narrowest index gives; where these were not all, what it has found is a lower bound and says so. Whoever
wants the number all the same asks for it (`look_at=None`) and waits.

What is looked at are events that the caller may see, and no others: if hidden ones used up the look, whether a count is exact would
tell of them. So a member's boards are counted first, by their index, and then what is its own elsewhere.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Uuid,
    and_,
    any_,
    cast,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from models import Board, Event, Head
from models.base import AnySelect
from trailcast.access.scope import BoardSet, Scope, form_of_scope, not_counted_for, reads_boards, visible_on, visible_to
from trailcast.ledger.filters import (
    LIST_FIELDS,
    as_actor,
    conditions,
    form_of_filter,
    holds_text,
    is_category,
    names_own,
    narrowed,
)
from trailcast.ledger.lanes import Plan
from trailcast.ledger.pages import first_that_is_enough
from trailcast.ledger.prepared import AskedTotal, Forms, boards_of, by_name, by_name_once
from trailcast.records import EventFilter, Outcome

# What an index gives in page order, by the names of the filter's fields; the narrowest first. A test holds them to the model.
INDEXED = tuple(
    frozenset(columns.split())
    for columns in (
        "correlation_id", "entity", "task_id comments_only", "task_id",
        "agent_id event_type", "user_id event_type", "actor_id event_type", "agent_id outcome", "user_id outcome", "actor_id outcome",
        "agent_id board_id", "user_id board_id", "actor_id board_id",
        "board_id event_type outcome", "board_id outcome", "event_type outcome", "board_id event_type",
        "agent_id", "user_id", "actor_id", "outcome", "board_id", "event_type", "category", "action", "actor_kind", "",
    )
)  # fmt: skip
# What has one of these is on one board as a rule: all of it is seen, or next to nothing.
_WITHIN_A_BOARD = frozenset({"correlation_id", "entity", "task_id"})
# For each that is counted where a text is looked for to the end: a frequent word is found on the way, of a rare one its trigrams tell.
WALKED_PER_COUNTED = 10


class Part(NamedTuple):
    """Some of what a scope sees, and nothing else; each event is in one. `by` are the columns whose values tell, `holds` all that are
    compared, `narrow` those whose index is as good."""

    by: frozenset[str]
    holds: frozenset[str]
    narrow: frozenset[str] = frozenset()
    is_of_boards: bool = False
    is_elsewhere: bool = False

    @property
    def own(self) -> str | None:
        """The column that holds the caller's own id in each of its events."""
        return next(iter(self.by & {"agent_id", "user_id"}), None)


class Look(NamedTuple):
    """How the events of a part are found: `inner` is what the index of these columns gives of the filter, `rest` is compared event by
    event."""

    columns: frozenset[str]
    inner: EventFilter
    rest: EventFilter
    is_whole: bool
    is_in_order: bool


def form_of_count(asked: AskedTotal) -> tuple[object, ...]:
    """What decides how the statement of a count is written."""
    reach, wanted = asked.reach, asked.wanted
    return form_of_scope(reach), form_of_filter(wanted), _is_of_hidden_board(reach, wanted), asked.up_to, asked.look_at


def parts_of(scope: Scope, wanted: EventFilter) -> tuple[Part, ...]:
    """What an index tells each, together all that a scope sees."""
    # Of a board that is not read there is little to be seen, and much that would have to be passed by.
    narrow = _WITHIN_A_BOARD - ({"entity"} if _is_of_hidden_board(scope, wanted) else set())
    if reads_boards(scope):
        boards, own = frozenset({"board_id"}), frozenset({"user_id"})
        on_boards = Part(boards, boards, narrow, is_of_boards=True)
        if "board_id" in look_of(on_boards, wanted).columns:
            return on_boards, Part(own, own | boards, narrow, is_elsewhere=True)
        return (Part(frozenset(), own | boards),)
    if scope.everything:
        return (Part(frozenset(), frozenset()),)
    own = frozenset({"agent_id" if scope.agent_id is not None else "user_id"})
    return (Part(own, own, narrow),)


def _is_of_hidden_board(scope: Scope, wanted: EventFilter) -> bool:
    """Whether what is asked for is about a board, as such, that the scope does not read."""
    entity = wanted.entity
    if entity is None or entity.type != "board" or scope.everything or scope.boards.all:
        return False
    return entity.id not in map(str, scope.boards.ids)


def look_of(part: Part, wanted: EventFilter) -> Look:
    """The index that holds all that is asked for, or else the narrowest that there is for some of it."""
    own: dict[str, Any] = {} if part.own is None else {part.own: None, "actor_id": None}
    wanted = replace(wanted, **own)  # `names_own` compares these
    asked = _asked_for(wanted)
    fields = dict(_fields_by_column(wanted))
    every = part.holds | fields.keys()
    is_whole = every in INDEXED and asked == set(fields.values())
    columns = every if is_whole else _narrowest(part, fields.keys())
    inner = {name for column, name in fields.items() if column in columns | part.by}
    given = {name: getattr(wanted, name) for name in inner}
    is_of_one_each = all(len(given[name]) == 1 for name in inner.intersection(LIST_FIELDS))
    return Look(
        columns,
        inner=EventFilter(**given, since=wanted.since, until=wanted.until),
        rest=EventFilter(**{name: getattr(wanted, name) for name in asked - inner}),
        is_whole=is_whole,
        # Of several boards, or types, an index gives one after the other.
        is_in_order=is_of_one_each
        and "event_type_prefix" not in inner
        and not (part.is_of_boards and "board_id" in columns),
    )


def _narrowest(part: Part, columns: AbstractSet[str]) -> frozenset[str]:
    """The narrowest index that gives the part, lest what is hidden has to be passed by."""
    indexes = (index for index in INDEXED if index <= part.by | columns)
    return next(index for index in indexes if not part.by or index & (part.narrow | part.by))


def _asked_for(wanted: EventFilter) -> set[str]:
    """The fields that are given, but for the time, which every index tells."""
    nothing = EventFilter()
    fields = EventFilter.__dataclass_fields__.keys() - {"since", "until"}
    return {name for name in fields if getattr(wanted, name) != getattr(nothing, name)}


def _fields_by_column(wanted: EventFilter) -> Iterator[tuple[str, str]]:
    """The columns that an index may find by, with the fields that name their values; the last field counts."""
    prefix = wanted.event_type_prefix
    if prefix is not None and is_category(prefix):
        yield "category", "event_type_prefix"
    elif prefix is not None and wanted.since is None and wanted.until is None:  # a range of types: time lies across it
        yield "event_type", "event_type_prefix"
    for name in (*LIST_FIELDS, "entity", "correlation_id"):
        has_index = name != "outcome" or Outcome.SUCCESS not in (wanted.outcome or ())
        if getattr(wanted, name) is not None and has_index:
            yield name, name
    if wanted.comments_only:
        yield "event_type" if wanted.task_id is None else "comments_only", "comments_only"


def _make_count(asked: AskedTotal) -> tuple[AnySelect, None]:
    if asked.look_at is None and asked.wanted.text is not None:
        return _all_of(_with_text(asked.wanted.text, asked), asked), None
    first, *others = (_counted(part, look, asked) for part, look in _looks(asked))
    if not others:
        return first, None
    of_boards = first.cte("of_boards")
    [own] = (other.subquery("own") for other in others)
    # PostgreSQL looks for what is elsewhere only if that can still tell more.
    goes_on = and_(of_boards.c.found <= literal_column(str(asked.up_to), BigInteger()), ~of_boards.c.is_cut)
    both = union_all(select(of_boards), select(own).where(select(goes_on).scalar_subquery())).subquery("both")
    return select(cast(func.sum(both.c.found), BigInteger()), func.bool_or(both.c.is_cut)), None


def _counted(part: Part, look: Look, asked: AskedTotal) -> AnySelect:
    """How many of a part, and whether there is more of it than was looked at."""
    within, rest = _within(part, look, asked), narrowed(asked.scope.workspace_id, look.rest, by_name)
    order = [Event.sequence.desc()] if look.is_in_order else []  # the newest are those that lie in memory
    if look.is_whole:
        return _all_of(select(Event.sequence).where(*within), asked)
    if asked.look_at is None:
        return _all_of(select(Event.sequence).where(*within, *rest).order_by(*order), asked)
    # In the list of what is selected, where it does not end the look: behind WHERE, LIMIT would count what was found.
    look_at = literal_column(str(asked.look_at), BigInteger())
    events = select(and_(true(), *rest).label("is_found")).select_from(Event).where(*within).order_by(*order)
    looked_at = events.limit(look_at + literal_column("1")).subquery("looked_at")
    return select(
        func.count().filter(looked_at.c.is_found).label("found"), (func.count() > look_at).label("is_cut")
    ).select_from(looked_at)  # fmt: skip


def _all_of(query: AnySelect, asked: AskedTotal) -> AnySelect:
    entries = query.limit(_rows(asked)).subquery()
    is_cut = literal_column("false", Boolean()).label("is_cut")
    return select(func.count().label("found"), is_cut).select_from(entries)


def _within(part: Part, look: Look, asked: AskedTotal) -> list[ColumnElement[bool]]:
    """The events of a part, as far as an index tells them. All of them may be seen."""
    scope = replace(asked.reach, boards=BoardSet()) if part.is_elsewhere else asked.reach
    wanted = narrowed(scope.workspace_id, look.inner, by_name)
    if part.is_of_boards:
        found = [visible_on(scope, any_(_boards(scope)), by_name), *wanted]
    else:
        found = [visible_to(scope, by_name_once), *wanted, *names_own(scope, asked.wanted, by_name)]
    if part.is_elsewhere:
        found.append(not_counted_for(asked.reach, by_name_once))
    # Boards and types are indexed with actors, and neither with agents nor with users.
    is_with_actor = not look.columns.isdisjoint({"board_id", "event_type"})
    return found + as_actor(scope, look.inner, by_name) if is_with_actor else found


def _boards(scope: Scope) -> ColumnElement[Any]:
    """Those that a scope reads, as an array: the index of boards is searched for each."""
    if scope.boards.all:
        of_workspace = Board.workspace_id == by_name("workspace_id", scope.workspace_id, Uuid())
        found = select(func.array_agg(Board.id)).where(of_workspace)
    else:
        found = select(func.array_agg(boards_of(scope.boards.ids).column_valued("id")))
    return cast(found.scalar_subquery(), ARRAY(Uuid()))


def _with_text(text: str, asked: AskedTotal) -> AnySelect:
    """Text has no index in page order: what its trigrams find is all of it, however much that is. So the log's end is read first."""
    far = select(Event.sequence).where(*conditions(asked.reach, asked.wanted, by_name)).limit(_rows(asked))
    return select(first_that_is_enough(_newest_with(text, asked), far.subquery("far"), _rows(asked)))


def _newest_with(text: str, asked: AskedTotal) -> CTE:
    """The events of the log's end that hold a text, found without its trigrams: these read all that holds it."""
    length = literal_column(str(WALKED_PER_COUNTED * asked.up_to), BigInteger())
    end = select(func.max(Head.last_sequence)).where(
        Head.workspace_id == by_name("workspace_id", asked.scope.workspace_id, Uuid())
    )
    walk = select(Event.sequence, Event.message).where(
        *conditions(asked.reach, replace(asked.wanted, text=None), by_name),
        Event.sequence > end.scalar_subquery() - length,
    )
    walked = walk.offset(literal_column("0")).subquery("walked")  # a fence, behind which the text is no condition yet
    found = select(walked.c.sequence).where(holds_text(text, walked.c.message))
    return found.limit(_rows(asked)).cte("near")


def _rows(asked: AskedTotal) -> ColumnElement[int]:
    return literal_column(str(asked.up_to + 1), BigInteger())


def _looks(asked: AskedTotal) -> list[tuple[Part, Look]]:
    return [(part, look_of(part, asked.wanted)) for part in parts_of(asked.reach, asked.wanted)]


def _plan_of(asked: AskedTotal) -> Plan:
    """What ends after so many events is planned once for all values."""
    is_bounded = asked.look_at is not None or all(look.is_whole for _, look in _looks(asked))
    return Plan.ONCE if is_bounded else Plan.BY_VALUE


COUNTS = Forms(_make_count, _plan_of)
