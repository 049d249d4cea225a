"""The one statement that answers all that is asked of metrics at once: one snapshot, so that its numbers belong to one moment.

It reads each source once, whatever is counted of it: events under the predicate, or counts made beforehand (by
`trailcast.ledger.rollups`) where scope and filter can be answered by them, together with the events that those do not cover, which
are the ones beyond their mark and those at both ends of the time. Grouping sets then count by everything that is asked for, and
names for people are looked up for the few rows that are left. Texts are kept by the form of what is asked.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    TableClause,
    Uuid,
    any_,
    column,
    func,
    literal_column,
    not_,
    select,
    table,
)  # fmt: skip

from models import Event, Rollup, RollupMark
from trailcast.access.scope import RollupKind, Scope, counted_kinds, form_of_scope, not_counted_for
from trailcast.ledger.filters import (
    ROLLED_CATEGORY,
    SEQUENCE_MAX,
    conditions,
    first_since,
    form_of_filter,
    is_rolled_up,
    rolled_conditions,
)  # fmt: skip
from trailcast.ledger.pieces import Pieces
from trailcast.ledger.prepared import FORMS_KEPT_MAX, Find, Prepared
from trailcast.ledger.spans import DAY, QUARTER, Span, find_span
from trailcast.records import Dimension, EventFilter

Kinds = frozenset[RollupKind]

# From how long a time on counts made beforehand are worth the longer statement.
ROLLED_FROM, ROLLED_FROM_FOR_ACTORS = timedelta(hours=3), timedelta(days=14)
EVENTS: Kinds = frozenset()  # from the events alone
ONE_BOARD = frozenset({RollupKind.BOARD})
ALL_TOGETHER = frozenset({RollupKind.BOARDS, RollupKind.NO_BOARD})
AGENTS = frozenset({RollupKind.AGENT})
ACTORS = frozenset({RollupKind.AGENT, RollupKind.ACTOR})

_OF_BOARDS = frozenset({RollupKind.BOARD, RollupKind.BOARDS})
_OF_ACTORS = frozenset({Dimension.ACTOR, Dimension.AGENT})
_NEVER_ROLLED = frozenset({Dimension.ACTION, Dimension.TASK})
_COLUMNS: dict[Dimension, Any] = {
    Dimension.EVENT_TYPE: Event.event_type,
    Dimension.CATEGORY: Event.category,
    Dimension.ACTION: Event.action,
    Dimension.ACTOR: Event.actor_id,
    Dimension.AGENT: Event.agent_id,
    Dimension.BOARD: Event.board_id,
    Dimension.TASK: Event.task_id,
}
_ROLLED_COLUMNS: dict[Dimension, Any] = {
    Dimension.EVENT_TYPE: Rollup.event_type,
    Dimension.CATEGORY: ROLLED_CATEGORY,
    Dimension.ACTOR: Rollup.key,
    Dimension.AGENT: Rollup.key,
    Dimension.BOARD: Rollup.key,
}
_IN_DIRECTORY = {Dimension.BOARD: ("boards", "name"), Dimension.TASK: ("tasks", "title")}
_ONE, _TIME = literal_column("1", Integer), DateTime(timezone=True)
_FAILED = literal_column("CASE events.outcome WHEN 'FAILURE' THEN 1 ELSE 0 END", Integer)


@dataclass(slots=True)
class Question:
    """What is to be counted. `breakdowns` says how many values of each dimension at most; `bounds` are those of a series."""

    scope: Scope
    wanted: EventFilter
    now: datetime
    outcomes: bool = False
    breakdowns: tuple[tuple[Dimension, int], ...] = ()
    bounds: Sequence[datetime] | None = None
    spans: list[Span] = field(default_factory=list)  # of each source

    @property
    def is_of_something(self) -> bool:
        """Whether anything is to be counted at all."""
        return self.outcomes or bool(self.breakdowns) or self.bounds is not None


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that are read once, and what is counted of them. `kinds`: of counts made beforehand, which are those of the span."""

    kinds: Kinds
    outcomes: bool
    dimensions: tuple[Dimension, ...]
    series: bool


_statements: OrderedDict[Hashable, Prepared] = OrderedDict()


def forget_statements() -> None:
    """Write them anew. For tests that change what the predicate says."""
    _statements.clear()


def find_statement(question: Question) -> Prepared:
    """The statement for a question, to which its spans are added."""
    sources = _find_sources(question)
    dimensions = tuple([dimension for dimension, _ in question.breakdowns])
    form = form_of_scope(question.scope), form_of_filter(question.wanted), dimensions, sources
    statement = _statements.get(form)
    if statement is None:
        statement = _statements[form] = _write(question, sources)
        if len(_statements) > FORMS_KEPT_MAX:
            _statements.popitem(last=False)
    else:
        _statements.move_to_end(form)
    return statement


def _find_sources(question: Question) -> tuple[Source, ...]:
    """Where each part of the answer is read from: whatever is read from the same rows, together."""
    wanted, bounds = question.wanted, question.bounds
    dimensions = tuple([dimension for dimension, _ in question.breakdowns])
    whole = (Source(EVENTS, question.outcomes, dimensions, bounds is not None),)
    since = wanted.since
    # An agent has few events: of its short times nothing is counted beforehand.
    rolled_from = ROLLED_FROM if wanted.agent_id is None else ROLLED_FROM_FOR_ACTORS
    if since is None or (wanted.until or question.now) - since < rolled_from or not is_rolled_up(wanted):
        return whole
    allowed = counted_kinds(question.scope)
    made: dict[tuple[Kinds, bool], tuple[Source, Span]] = {}
    parts: list[tuple[Dimension | None, bool]] = [(dimension, False) for dimension in dimensions]
    parts += [(None, False)] if question.outcomes else []
    parts += [(None, True)] if bounds is not None else []
    for dimension, series in parts:
        kinds = _kinds(dimension, wanted, allowed)
        span = _find_span(question, kinds, bounds if series else None)
        if span is None:
            return whole  # the events are read in any case, so all is counted of them
        source, _ = made.get((kinds, series), (Source(kinds, outcomes=False, dimensions=(), series=series), span))
        added = () if dimension is None else (dimension,)
        outcomes = source.outcomes or not (dimension or series)
        made[kinds, series] = Source(kinds, outcomes, (*source.dimensions, *added), series), span
    question.spans = [span for _, span in made.values()]
    return tuple([source for source, _ in made.values()])


def _find_span(question: Question, kinds: Kinds, bounds: Sequence[datetime] | None) -> Span | None:
    since, until = question.wanted.since, question.wanted.until
    of_actors = kinds <= ACTORS  # they are counted by whole days, and have few events
    if not kinds or since is None or (of_actors and (until or question.now) - since < ROLLED_FROM_FOR_ACTORS):
        return None
    # Without an end there may be events of a moment ago still: they are counted as what is beyond the span.
    return find_span(since, until or question.now, bounds or (), DAY if of_actors else QUARTER)


def _kinds(dimension: Dimension | None, wanted: EventFilter, allowed: Kinds) -> Kinds:
    """The kinds of counts that answer this dimension (or, without one, totals) for a filter that is rolled up."""
    of_actors = wanted.agent_id is not None or dimension in _OF_ACTORS or allowed == AGENTS
    of_boards = wanted.board_id is not None or dimension is Dimension.BOARD
    if dimension in _NEVER_ROLLED or (of_actors and of_boards):
        return EVENTS
    if of_actors:
        return allowed & (AGENTS if wanted.agent_id is not None or dimension is Dimension.AGENT else ACTORS)
    return allowed & (ONE_BOARD if of_boards or RollupKind.BOARDS not in allowed else ALL_TOGETHER)


def _write(question: Question, sources: Sequence[Source]) -> Prepared:
    pieces = Pieces(question)
    tables: list[str] = []
    parts: list[str] = []
    order = {dimension: place for place, (dimension, _) in enumerate(question.breakdowns, start=1)}
    for number, source in enumerate(sources):
        if source.kinds:
            tables.append(_ends(number, question, pieces))
        tables.append(_counted(number, source, question, pieces))
        parts += _parts(number, source, order, pieces)
    return pieces.statement("WITH " + ",\n".join(tables) + "\n" + "\nUNION ALL\n".join(parts))


def _rows(number: int, source: Source, question: Question, pieces: Pieces) -> str:
    """All that is counted in a source: rows with a value of each dimension, a time, and how many events they are."""
    columns = [_COLUMNS[dimension].label(dimension.name.lower()) for dimension in source.dimensions]
    columns += [
        Event.created_at.label("at"),
        _ONE.label("total"),
        _FAILED.label("failed"),
        Event.sequence.label("latest"),
    ]
    if not source.kinds:
        return pieces.write(select(*columns).where(*conditions(question.scope, question.wanted, pieces.bind)))
    wanted = replace(question.wanted, since=None, until=None)
    ends = table(f"ends_{number}", *[column(name) for name in ("since", "start", "mark", "stop", "until")])
    beyond_mark = func.greatest(ends.c.start, ends.c.mark + _ONE)
    covered = func.least(ends.c.stop, ends.c.mark + _ONE)
    ranges: list[tuple[Any, Any, list[Any]]] = [(ends.c.since, ends.c.start, []), (ends.c.stop, ends.c.until, [])]
    ranges.append((beyond_mark, ends.c.stop, []))
    if source.kinds <= _OF_BOARDS:
        ranges.append((ends.c.start, covered, [not_counted_for(question.scope, pieces.bind)]))
    texts = []
    for first, behind, more in ranges:
        within = [Event.sequence >= _of(ends, first), Event.sequence < _of(ends, behind), *more]
        texts.append(pieces.write(select(*columns).where(*conditions(question.scope, wanted, pieces.bind), *within)))
    return "\nUNION ALL\n".join([*texts, *_rolled_rows(number, source, question, pieces)])


def _of(ends: TableClause, what: ColumnElement[Any]) -> Any:
    """From the one row of it, as a value that an index can be searched by."""
    return select(what).select_from(ends).scalar_subquery()


def _rolled_rows(number: int, source: Source, question: Question, pieces: Pieces) -> Iterator[str]:
    """Counts of whole days, and where a day is not whole, of its quarters of an hour. Actors have none."""
    wanted = question.wanted
    columns = [_ROLLED_COLUMNS[dimension].label(dimension.name.lower()) for dimension in source.dimensions]
    names = sorted(kind.value for kind in source.kinds)
    found: list[ColumnElement[bool]] = rolled_conditions(question.scope, wanted, pieces.bind)
    found.append(Rollup.kind.in_([literal_column(f"'{name}'") for name in names]))
    if source.kinds <= ALL_TOGETHER:
        found.append(Rollup.key == pieces.bind("workspace_id", question.scope.workspace_id, Uuid()))
    total: Any = Rollup.total if wanted.outcome is None else Rollup.failed
    days = select(*columns, Rollup.day.label("at"), total.label("total"), Rollup.failed, Rollup.latest)
    is_broken = Rollup.day == any_(_bind_span(number, "broken", question, pieces, ARRAY(_TIME)))
    within = [Rollup.day >= _bind_span(number, "first_day", question, pieces, _TIME)]
    within.append(Rollup.day < _bind_span(number, "end_day", question, pieces, _TIME))
    yield pieces.write(days.where(*found, *within, not_(is_broken)))
    if source.kinds <= ACTORS:
        return
    # In the SELECT list, which takes half as long as joining a function to each row.
    slots = {"quarter": Rollup.quarters, "slot_total": Rollup.quarter_totals, "slot_failed": Rollup.quarter_failed}
    opened = [func.unnest(values).label(name) for name, values in slots.items()]
    rows = select(*columns, Rollup.day, *opened, Rollup.latest).where(*found, is_broken).subquery(f"opened_{number}")
    at = rows.c.day + rows.c.quarter * literal_column("interval '15 minutes'")
    slot_total = rows.c.slot_total if wanted.outcome is None else rows.c.slot_failed
    quarters = select(
        *[rows.c[dimension.name.lower()] for dimension in source.dimensions],
        at.label("at"), slot_total.label("total"), rows.c.slot_failed.label("failed"), rows.c.latest,
    )  # fmt: skip
    within = [at >= _bind_span(number, "start", question, pieces, _TIME), slot_total > literal_column("0")]
    within.append(at < _bind_span(number, "end", question, pieces, _TIME))
    yield pieces.write(quarters.where(*within))


def _bind_span(number: int, name: str, question: Question, pieces: Pieces, kind: Any) -> ColumnElement[Any]:
    find: Find = lambda asked: getattr(asked.spans[number], name)  # noqa: E731 - it has no name but that of the parameter
    return pieces.bind(pieces.find(f"{name}_{number}", find), find(question), kind)


def _ends(number: int, question: Question, pieces: Pieces) -> str:
    """Which sequences begin and end the time, the span in it, and what was counted beforehand."""
    workspace, wanted, span = question.scope.workspace_id, question.wanted, question.spans[number]
    for name in ("start", "end"):
        _bind_span(number, name, question, pieces, _TIME)
    moments = {
        "since": ("since", wanted.since),
        "start": (f"start_{number}", span.start),
        "stop": (f"end_{number}", span.end),
        "until": ("until", wanted.until),
    }
    beyond: ColumnElement[int] = literal_column(str(SEQUENCE_MAX))
    ends = [
        (
            beyond
            if moment is None
            else func.coalesce(first_since(workspace, moment, name, pieces.bind).scalar_subquery(), beyond)
        ).label(label)
        for label, (name, moment) in moments.items()
    ]
    rolled_up_to = select(func.max(RollupMark.rolled_up_to)).where(
        RollupMark.workspace_id == pieces.bind("workspace_id", workspace, Uuid())
    )
    mark = func.coalesce(rolled_up_to.scalar_subquery(), literal_column("0")).label("mark")
    return f"ends_{number} AS ({pieces.write(select(*ends, mark))})"


def _of_breakdown(place: int) -> Find:
    return lambda question: question.breakdowns[place][1]


def _counted(number: int, source: Source, question: Question, pieces: Pieces) -> str:
    """All sums of a source, in one pass."""
    rows = _rows(number, source, question, pieces)
    names = [dimension.name.lower() for dimension in source.dimensions]
    if source.series:
        names.append("place")
        bounds = pieces.number(pieces.find("bounds", lambda question: question.bounds))
        rows = f"SELECT *, width_bucket(at, {bounds}::timestamptz[]) AS place FROM ({rows}) AS timed"
    sets = ", ".join([*(["()"] if source.outcomes else []), *(f"({name})" for name in names)])
    listed = "".join(f"{name}, " for name in names)
    grouping = f"GROUPING ({', '.join(names)})" if names else "0"
    return f"""counted_{number} AS (
        SELECT {grouping} AS missing, {listed}sum(total) AS total, sum(failed) AS failed, max(latest) AS latest
        FROM ({rows}) AS counted GROUP BY GROUPING SETS ({sets}))"""


def _parts(number: int, source: Source, order: dict[Dimension, int], pieces: Pieces) -> Iterator[str]:
    """What is shown of the sums: (which part of the answer, key, label, total, failed)."""
    length = len(source.dimensions) + source.series
    every = 2**length - 1
    if source.outcomes:
        yield f"SELECT 0 AS part, NULL AS key, NULL AS label, total, failed FROM counted_{number} WHERE missing = {every}"
    for place, dimension in enumerate(source.dimensions):
        part = order[dimension]
        limit = pieces.number(pieces.find(f"first_{part}", _of_breakdown(part - 1)))
        sums = f"counted_{number} WHERE missing = {every - 2 ** (length - 1 - place)}"
        yield f"(SELECT {part} AS part, {_top(sums, dimension, limit, pieces)})"
    if source.series:
        yield f"SELECT -1, place::text, NULL, total, failed FROM counted_{number} WHERE missing = {every - 1}"


def _top(sums: str, dimension: Dimension, limit: str, pieces: Pieces) -> str:
    """The most frequent values of a dimension, with a name for people: that of the newest event for actors, today's for what the
    directory holds."""
    name = dimension.name.lower()
    label, joined = "top.key::text", ""
    if dimension in _OF_ACTORS:
        label = "named.actor_name"
        joined = f"JOIN events AS named ON named.workspace_id = {pieces.number('workspace_id')}::UUID AND named.sequence = top.latest"
    elif dimension in _IN_DIRECTORY:
        directory, column_name = _IN_DIRECTORY[dimension]
        label = f"named.{column_name}"
        joined = f"LEFT JOIN {directory} AS named ON named.workspace_id = {pieces.number('workspace_id')}::UUID AND named.id = top.key"
    return f"""top.key::text AS key, {label} AS label, top.total, top.failed FROM (
        SELECT {name} AS key, total, failed, latest FROM {sums} AND {name} IS NOT NULL
        ORDER BY total DESC, {name} LIMIT {limit}::bigint) AS top {joined} ORDER BY top.total DESC, top.key"""
