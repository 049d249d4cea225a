"""The statements of pages and of single events, made once for each form of what is asked (`trailcast.ledger.prepared`).

A page is a range of the log in its order, cut after one row more than it has. One index that is in page order serves each filter,
so a page ends with its last row. What a member of some boards sees has no such index: the log is walked and what lies elsewhere left
out, which is best where the boards hold much of the log, and walks all of it where they hold little. So the walk ends after a stretch
in proportion to the page; where that did not fill it, the newest entries of each board are taken from the index of boards and
the page from those. Both stand in one statement, and PostgreSQL runs the second only if the first was not enough.

The limit stands in the statement itself: where the planner does not know how few rows are wanted it plans for a tenth of the log.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    ColumnElement,
    Subquery,
    Uuid,
    and_,
    func,
    literal_column,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.orm import aliased
from sqlalchemy.sql import visitors

from models import Event, Head
from models.base import AnySelect
from trailcast.access.scope import Bind, Scope, form_of_scope, is_of_some_boards
from trailcast.ledger.columns import EventRows, Selection, comment_rows
from trailcast.ledger.filters import (
    LIST_FIELDS,
    conditions,
    form_of_filter,
    is_of_boards_or_types,
    is_of_whole_boards,
    narrowed,
)
from trailcast.ledger.json_rows import Shape, select_written
from trailcast.ledger.lanes import Plan
from trailcast.ledger.prepared import Asked, AskedById, Forms, boards_of, by_name, by_name_once
from trailcast.records import EventFilter, EventRecord, OrderDirection, PageRequest

# How far the log is walked for each row that is wanted: boards that hold a thirtieth of it fill a page on the way. Comments, or other
# events of one kind, are found by their kind, so that a longer stretch costs no more.
WALKED_PER_ROW, WALKED_PER_ROW_OF_A_KIND = 32, 64


def rows_for(scope: Scope, wanted: EventFilter, selection: Selection, event: Any = Event) -> EventRows:
    """The rows of a list: comments under a comment's names, events otherwise."""
    return (
        comment_rows(scope, selection, event)
        if wanted.comments_only
        else EventRows(scope, selection, EventRecord, event)
    )


def form_of_page(asked: Asked) -> tuple[object, ...]:
    """What decides how the statement of a page is written."""
    request, wanted = asked.request, asked.wanted
    return (
        form_of_scope(asked.scope), asked.reach is asked.scope, form_of_filter(wanted), request.direction, request.backward,
        request.after is None, request.before is None, request.offset > 0, request.limit,
    )  # fmt: skip


def _make_page(asked: Asked, selection: Selection) -> tuple[AnySelect, EventRows]:
    page = _page(asked, rows_for(asked.scope, asked.wanted, selection).select())
    rows = rows_for(asked.scope, asked.wanted, selection, page)
    return rows.select().order_by(_order(page, asked.request)), rows


def _make_written_page(asked: Asked, shape: Shape) -> tuple[AnySelect, None]:
    bind = _bind_for(asked)
    page = _page(asked, select_written(Event, asked.scope, shape, bind))
    written = select_written(page, asked.scope, shape, bind).order_by(_order(page, asked.request))
    return _as_one_row(written, asked.request), None


def _as_one_row(written: AnySelect, request: PageRequest) -> AnySelect:
    """How many rows were read, how many of them have a text, where the page begins and ends, and the texts of its own as one list, in
    bytes: a value is cheaper to take over than rows, and bytes than a text, which would be decoded and encoded again."""
    rows = written.subquery("rows")
    numbered = select(rows, func.row_number().over().label("number")).subquery("numbered")
    is_its_own = numbered.c.number <= literal_column(str(request.limit))
    texts: Any = func.string_agg(numbered.c.written, literal_column("','"))
    if request.backward:
        texts = texts.aggregate_order_by(numbered.c.number.desc())
    items = literal_column("'['").op("||")(texts.filter(is_its_own)).op("||")(literal_column("']'"))
    ends = [end(numbered.c.sequence).filter(is_its_own) for end in (func.min, func.max)]
    return select(
        func.count(),
        func.count(numbered.c.written),
        *(ends if request.direction is OrderDirection.ASC else reversed(ends)),
        func.convert_to(items, literal_column("'UTF8'")),
    )


def _plan_of(asked: Asked) -> Plan:
    """One plan serves all values where one column is compared with one value, whose index is in page order, and where the walk along
    the log is bounded. Elsewhere it depends on the values: on how many they are, how frequent, how long ago."""
    scope, wanted = asked.scope, asked.wanted
    if is_of_some_boards(scope):
        return Plan.ONCE if _is_of_boards(asked) else Plan.BY_VALUE
    given = [values for name in LIST_FIELDS if (values := getattr(wanted, name)) is not None]
    is_narrow = len(given) + (wanted.entity is not None) + (scope.agent_id is not None) <= 1
    others = (wanted.event_type_prefix, wanted.correlation_id, wanted.text, wanted.since, wanted.until)
    is_simple = all(len(values) == 1 for values in given) and others == (None,) * len(others)
    is_one_index = scope.everything or scope.agent_id is not None
    return Plan.ONCE if is_narrow and is_simple and is_one_index and not asked.request.offset else Plan.BY_VALUE


def _make_event(asked: AskedById, selection: Selection) -> tuple[AnySelect, EventRows]:
    rows = EventRows(asked.scope, selection)
    is_it = Event.id == by_name("event_id", asked.event_id, Uuid())
    return rows.select().where(*conditions(asked.scope, EventFilter(), by_name), is_it), rows


PAGES, WRITTEN_PAGES, EVENTS = (
    Forms(_make_page, _plan_of),
    Forms(_make_written_page, _plan_of),
    Forms(_make_event, lambda _asked: Plan.ONCE),
)


def _page(asked: Asked, shown: AnySelect) -> Any:
    """The events of a page, and one more, with the columns that are used of them where they are `shown`. What else is shown is joined
    to these: a join in the same SELECT would have the planner weigh sorting what it has joined against reading in order."""
    _, wanted, request = asked
    query = select(*_columns_in(shown)).where(*conditions(asked.reach, wanted, _bind_for(asked)), *_bounds(request))
    if _is_of_boards(asked):
        return aliased(Event, _page_of_boards(query, asked), name="page")
    query = query.order_by(_order(Event, request)).limit(_rows(request))
    if request.offset:
        query = query.offset(by_name("offset", request.offset, BigInteger()))
    return aliased(Event, query.subquery("page"), name="page")


def _is_of_boards(asked: Asked) -> bool:
    """Whether the page is a member's, of all that its boards hold."""
    return is_of_some_boards(asked.scope) and is_of_whole_boards(asked.wanted) and not asked.request.offset


def _bind_for(asked: Asked) -> Bind:
    return by_name_once if _is_of_boards(asked) else by_name


def _columns_in(query: AnySelect) -> list[Any]:
    table = Event.__table__
    used = {part.name for part in visitors.iterate(query) if isinstance(part, Column) and part.table is table}
    return [column for column in table.columns if column.name in used]


def _page_of_boards(query: AnySelect, asked: Asked) -> Subquery:
    """What a short walk finds, if that is a page; else what the boards' own entries come to."""
    request = asked.request
    order, rows = _order(Event, request), _rows(request)
    near = query.where(_stretch(asked)).order_by(order).limit(rows).cte("near")
    far = query.where(Event.sequence.in_(_newest_of_boards(asked))).order_by(order).limit(rows).subquery("far")
    return first_that_is_enough(near, far, rows)


def first_that_is_enough(near: CTE, far: Subquery, rows: ColumnElement[int]) -> Subquery:
    """All of `near` if it has so many rows, else all of `far`, which PostgreSQL looks for only then."""
    is_enough = select(func.count()).select_from(near).scalar_subquery() >= rows
    return union_all(select(near).where(is_enough), select(far).where(~is_enough)).subquery("page")


def _newest_of_boards(asked: Asked) -> AnySelect:
    """The sequences among which those of the page are: as many as it has of each board, and of the caller's own. Narrower than what
    may be seen, and only ever a part of a statement that asks for that as well."""
    scope, wanted, request = asked
    readable = boards_of(scope.boards.ids).table_valued("id", name="readable").render_derived()

    def first(whose: ColumnElement[bool]) -> AnySelect:
        return (
            select(Event.sequence)
            .where(Event.workspace_id == by_name("workspace_id", scope.workspace_id, Uuid()), whose)
            .where(*narrowed(scope.workspace_id, wanted, by_name), *_bounds(request))
            .order_by(_order(Event, request))
            .limit(_rows(request))
        )

    of_board = first(Event.board_id == readable.c.id).correlate(readable).lateral("of_board")
    own_id = by_name("own_user_id", scope.user_id, Uuid())
    is_own = Event.user_id == own_id
    if is_of_boards_or_types(wanted):
        is_own = and_(is_own, Event.actor_id == own_id)  # types have an index with actors, none with users
    own = first(is_own).correlate(None).subquery("own")
    all_of_them = union(
        select(of_board.c.sequence).select_from(readable.join(of_board, true())), select(own.c.sequence)
    ).subquery("candidates")
    place = all_of_them.c.sequence
    return select(place).order_by(place.asc() if _is_upwards(request) else place.desc()).limit(_rows(request))


def _stretch(asked: Asked) -> ColumnElement[bool]:
    """Not further from where reading begins than the walk goes."""
    _, wanted, request = asked
    by_its_kind = wanted.comments_only or wanted.event_type is not None or wanted.outcome is not None
    per_row = WALKED_PER_ROW_OF_A_KIND if by_its_kind else WALKED_PER_ROW
    length: ColumnElement[int] = literal_column(str(per_row * (request.limit + 1)), BigInteger())
    is_upwards = _is_upwards(request)
    name, begin = ("before", request.before) if request.backward else ("after", request.after)
    if begin is not None:
        place: ColumnElement[int] = by_name(name, begin, BigInteger())
    else:
        end = select(Head.first_sequence if is_upwards else Head.last_sequence)
        of_log = Head.workspace_id == by_name("workspace_id", asked.scope.workspace_id, Uuid())
        place = end.where(of_log).correlate(None).scalar_subquery()
    return Event.sequence <= place + length if is_upwards else Event.sequence >= place - length


def _bounds(request: PageRequest) -> list[ColumnElement[bool]]:
    ascending = request.direction is OrderDirection.ASC
    found = []
    for name, bound, is_above in (("after", request.after, ascending), ("before", request.before, not ascending)):
        if bound is not None:
            place = by_name(name, bound, BigInteger())
            found.append(Event.sequence > place if is_above else Event.sequence < place)
    return found


def _is_upwards(request: PageRequest) -> bool:
    # The last n of a range are the first n of the range read from its other end.
    return (request.direction is OrderDirection.ASC) is not request.backward


def _order(event: Any, request: PageRequest) -> ColumnElement[int]:
    place: ColumnElement[int] = event.sequence
    return place.asc() if _is_upwards(request) else place.desc()


def _rows(request: PageRequest) -> ColumnElement[int]:
    return literal_column(str(request.limit + 1), BigInteger())
