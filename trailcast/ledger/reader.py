"""THE read path of events: pages, single events, counts, and what a feed reads. One statement each.

Every statement here passes `visible_to` (through `conditions`), but for `read_batch`, which reads for the live hub: that one
is handed to nobody before `admits`, the same rule in Python, has let it pass. Order is by sequence and by nothing else, so
that a page costs what its rows cost, wherever it lies.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Event, Head
from models.base import AnySelect
from trailcast.access.principal import LogHead
from trailcast.access.scope import BoardSet, Scope, form_of_scope
from trailcast.ledger.columns import EVERYTHING, EventRows, Selection
from trailcast.ledger.cursor import encode_sequence
from trailcast.ledger.database import Database
from trailcast.ledger.filters import SEQUENCE_MAX, conditions, first_since, holds_text
from trailcast.ledger.json_rows import Shape, WrittenPage
from trailcast.ledger.pages import EVENTS, PAGES, WRITTEN_PAGES, form_of_page, rows_for
from trailcast.ledger.prepared import Asked, AskedById, AskedTotal
from trailcast.ledger.totals import COUNTS, form_of_count
from trailcast.records import (
    CommentRecord,
    Count,
    Edge,
    EventFilter,
    EventRecord,
    OrderDirection,
    Page,
    PageInfo,
    PageRequest,
)

LOGS_PREPARED_MAX = 1000  # followed logs whose statement is kept


async def read_page(
    database: Database, scope: Scope, wanted: EventFilter, request: PageRequest, selection: Selection
) -> Page[EventRecord]:
    """One page, by keyset on `sequence`. The statement asks for one row more than the page, which is `hasNextPage`. Raises
    Unavailable."""
    asked = Asked(scope, wanted, request)
    statement = PAGES.find((selection, form_of_page(asked)), asked, selection)
    found = await statement.fetch(database, asked)
    more = len(found) > request.limit
    rows = found[: request.limit] if more else found
    if request.backward:
        rows.reverse()
    edges = [Edge(event.cursor, event) for event in (statement.reader.read(scope, row) for row in rows)]
    ends = (rows[0][0], rows[-1][0]) if rows else None
    return Page(edges, _page_info(scope, request, ends, more=more), _total(request, len(found)))


async def write_page(
    database: Database, scope: Scope, wanted: EventFilter, request: PageRequest, shape: Shape
) -> WrittenPage | None:
    """The same page, its items written by PostgreSQL in this shape; None where only Python can make them. Raises Unavailable."""
    asked = Asked(scope, wanted, request)
    statement = WRITTEN_PAGES.find((shape, form_of_page(asked)), asked, shape)
    [(read, written, first, last, items)] = await statement.fetch(database, asked)
    if written != read:
        return None  # what must be there is not, which is said where records are completed
    ends = (first, last) if read else None
    find_info = partial(_page_info, scope, request, ends, more=read > request.limit)
    return WrittenPage(items or b"[]", find_info, _total(request, read))


def _page_info(scope: Scope, request: PageRequest, ends: tuple[int, int] | None, *, more: bool) -> PageInfo:
    """`ends` are the sequences of the first event of the page and of its last, None for an empty one."""
    return PageInfo(
        has_next_page=request.before is not None if request.backward else more,
        has_previous_page=more if request.backward else request.after is not None or request.offset > 0,
        start_cursor=encode_sequence(scope.workspace_id, ends[0]) if ends else None,
        end_cursor=encode_sequence(scope.workspace_id, ends[1]) if ends else None,
    )


def _total(request: PageRequest, read: int) -> Count:
    """How many the list has, as far as a page of so many rows, the one after it among them, tells."""
    is_from_end = request.after is None and request.before is None
    # Of a page behind all there is, nobody knows how many were left out.
    is_exact = is_from_end and read <= request.limit and (read > 0 or request.offset == 0)
    return Count(read + request.offset if is_from_end and read else read, is_exact)


async def count_events(database: Database, asked: AskedTotal, at_least: int = 0) -> Count:
    """How many, counting no further than one past the bound. Of `at_least` so many it is known. Raises Unavailable."""
    statement = COUNTS.find(form_of_count(asked), asked)
    [(found, is_cut)] = await statement.fetch(database, asked)
    counted = max(found, at_least)
    return Count(min(counted, asked.up_to), is_exact=counted <= asked.up_to and not is_cut)


async def read_event(database: Database, scope: Scope, event_id: UUID, selection: Selection) -> EventRecord | None:
    """The event with this id, if this scope may see it. Raises Unavailable."""
    asked = AskedById(scope, event_id)
    statement = EVENTS.find((selection, form_of_scope(scope)), asked, selection)
    rows = await statement.fetch(database, asked)
    return statement.reader.read(scope, rows[0]) if rows else None


async def read_edge_event(
    database: Database, scope: Scope, wanted: EventFilter, direction: OrderDirection, selection: Selection
) -> EventRecord | None:
    """The first event of the list in this direction. Raises Unavailable."""
    page = await read_page(database, scope, wanted, PageRequest(limit=1, direction=direction), selection)
    return page.edges[0].node if page.edges else None


async def read_head(connection: AsyncConnection, workspace_id: UUID) -> LogHead | None:
    """The head of one workspace's log; None for a workspace that does not exist."""
    return (await read_heads(connection, [workspace_id])).get(workspace_id)


# Made once: every process asks this again and again.
_HEADS = select(Head.workspace_id, Head.last_sequence, Head.first_sequence, Head.access_version).where(
    Head.workspace_id == any_(bindparam("workspace_ids", type_=ARRAY(Uuid)))
)


async def read_heads(connection: AsyncConnection, workspace_ids: Iterable[UUID]) -> dict[UUID, LogHead]:
    """The heads of these workspaces, in one statement."""
    rows = await connection.execute(_HEADS, {"workspace_ids": list(workspace_ids)})
    return {row[0]: LogHead(*row[1:]) for row in rows}


async def read_first_since(connection: AsyncConnection, workspace_id: UUID, moment: datetime) -> int | None:
    """The sequence of the first event recorded at this moment or later: a bound, not an event."""
    return await connection.scalar(first_since(workspace_id, moment))


async def read_range(
    database: Database, scope: Scope, wanted: EventFilter, *, after: int, up_to: int, limit: int
) -> list[EventRecord]:
    """The next events that follow `after`, none beyond `up_to`, oldest first, with everything: what a feed replays. Raises
    Unavailable."""
    request = PageRequest(limit=limit, direction=OrderDirection.ASC, after=after, before=up_to + 1)
    page = await read_page(database, scope, wanted, request, EVERYTHING)
    return [edge.node for edge in page.edges]


async def read_batch(
    connection: AsyncConnection, workspace_id: UUID, after: int, limit: int
) -> tuple[int | None, list[EventRecord]]:
    """For the live hub alone: what follows `after`, for everybody, and the access version of the same snapshot.

    The version is None where no event follows; the hub learns it from the head then.
    """
    scope, rows, query = _batch(workspace_id)
    found = (await connection.execute(query, {"after": after, "limit": limit})).all()
    return (found[0][-1] if found else None), [rows.read(scope, row) for row in found]


@lru_cache(maxsize=LOGS_PREPARED_MAX)
def _batch(workspace_id: UUID) -> tuple[Scope, EventRows, AnySelect]:
    """The statement of `read_batch`. Making it takes twice as long as running it, and it runs for every commit."""
    # Not a caller's scope: the hub must hold every field that any subscriber may see.
    scope = Scope(workspace_id, everything=True, boards=BoardSet(all=True))
    rows = EventRows(scope, EVERYTHING, CommentRecord)
    version = select(Head.access_version).where(Head.workspace_id == workspace_id).scalar_subquery()
    query = (
        rows.select()
        .add_columns(version)
        .where(Event.workspace_id == workspace_id, Event.sequence > bindparam("after"))
        .order_by(Event.sequence)
        .limit(bindparam("limit"))
    )
    return scope, rows, query


async def read_events(
    connection: AsyncConnection, scope: Scope, sequences: Sequence[int], selection: Selection, *, comments: bool = False
) -> dict[int, EventRecord]:
    """The events with these numbers that this scope may see."""
    wanted = EventFilter(comments_only=comments)
    rows = rows_for(scope, wanted, selection)
    query = rows.select().where(*conditions(scope, wanted), Event.sequence.in_(sequences))
    return {row[0]: rows.read(scope, row) for row in await connection.execute(query)}


async def sequences_with_text(
    connection: AsyncConnection, workspace_id: UUID, after: int, up_to: int, text: str
) -> frozenset[int]:
    """For the live hub alone: which events of a batch hold this text. Says nothing that the batch did not."""
    rows = await connection.execute(
        select(Event.sequence).where(
            Event.workspace_id == workspace_id,
            Event.sequence.between(after + 1, min(up_to, SEQUENCE_MAX)),
            holds_text(text),
        )
    )
    return frozenset(rows.scalars())
