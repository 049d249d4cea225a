"""Counts are those of the rules in Python, exact where they say so, never more than there are, and silent about what is hidden."""

from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from models import Board, Event
from tests.conftest import EMPTY_TEMPLATE
from tests.ledger import rolled_log as log
from tests.ledger.rolled_log import AGENTS, BOARDS, DAYS, HERE, START, TASKS, TYPES, USERS
from tests.schema.servers import Shared, shared_server
from tests.support.world import World
from trailcast.access.scope import BoardSet, Scope, admits
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.admin import create_workspace
from trailcast.ledger.columns import EVERYTHING, EventRows
from trailcast.ledger.filters import matches
from trailcast.ledger.prepared import AskedTotal
from trailcast.ledger.reader import count_events
from trailcast.ledger.totals import INDEXED, look_of, parts_of
from trailcast.records import (
    ActorKind,
    Count,
    EntityRef,
    EventFilter,
    EventRecord,
    Outcome,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES_MAX = 150
EVENTS = 300
ENOUGH = 10_000
WORDS = ("invoice paid", "Invoice late", "nothing of note", "50%_/off")
ENTITIES = (
    EntityRef("a", "1"),
    EntityRef("task", str(TASKS[0])),
    *(EntityRef("board", str(board)) for board in BOARDS),
)
# Everybody who may ask, each in a workspace of its own that has what it sees and nothing else.
SCOPES = {
    UUID(int=1100 + number): scope
    for number, scope in enumerate(
        (
            Scope(HERE, everything=True, boards=BoardSet(all=True)),
            Scope(HERE, agent_id=AGENTS[0]),
            Scope(HERE, user_id=USERS[0]),
            Scope(HERE, user_id=USERS[0], boards=BoardSet(ids=frozenset(BOARDS[:1]))),
            Scope(HERE, user_id=USERS[1], boards=BoardSet(ids=frozenset(BOARDS[1:]))),
            Scope(HERE, user_id=USERS[1], boards=BoardSet(all=True)),
            Scope(HERE),
        )
    )
}


class Log:
    """Its events as a delivery has them."""

    def __init__(self, shared: Shared, events: list[EventRecord]) -> None:
        self.shared = shared
        self.events = events

    async def count(self, scope: Scope, wanted: EventFilter, up_to: int, look_at: int | None) -> Count:
        return await count_events(self.shared.server.database, AskedTotal(scope, wanted, up_to, look_at))

    def expected(self, scope: Scope, wanted: EventFilter) -> int:
        text = wanted.text
        return sum(
            admits(scope, event) and matches(wanted, event) and (text is None or text.lower() in (event.message or "").lower())
            for event in self.events
        )  # fmt: skip


def make_rows() -> list[dict[str, Any]]:
    chance = Random(7)
    rows = log.make_log(HERE, EVENTS)
    for row in rows:
        entity = chance.choice(ENTITIES)
        row |= {"message": chance.choice(WORDS), "entity_type": entity.type, "entity_id": entity.id}
        row["correlation_id"] = chance.choice([None, "run-1", "run-2"])
    return rows


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def written(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Log]:
    async with shared_server(postgres, EMPTY_TEMPLATE) as shared:
        database = shared.server.database
        everything = next(iter(SCOPES.values()))
        rows, reader = make_rows(), EventRows(everything, EVERYTHING)
        await write(shared, HERE, rows)
        async with database.reading(HERE) as connection:
            found = await connection.execute(reader.select().where(Event.workspace_id == HERE).order_by(Event.sequence))
            events = [reader.read(everything, row) for row in found]
        for workspace, scope in SCOPES.items():
            seen = [row for row, event in zip(rows, events, strict=True) if admits(scope, event)]
            await write(shared, workspace, seen)
        yield Log(shared, events)


async def write(shared: Shared, workspace: UUID, rows: list[dict[str, Any]]) -> None:
    database = shared.server.database
    async with database.operating() as connection:
        await create_workspace(connection, "Counted", workspace)
        boards = [{"workspace_id": workspace, "id": board, "name": "Board"} for board in BOARDS]
        await connection.execute(insert(Board), boards)
    if rows:
        numbered = [row | {"workspace_id": workspace, "sequence": place} for place, row in enumerate(rows, start=1)]
        async with database.writing([workspace]) as connection:
            await connection.execute(insert(Event), numbered)
    await shared.sql.execute("UPDATE heads SET last_sequence = $2 WHERE workspace_id = $1", workspace, len(rows))


def some(*values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), max_size=3).map(tuple)


def moments() -> st.SearchStrategy[Any]:
    return st.integers(-1, DAYS * 96).map(lambda quarter: START + quarter * log.QUARTER)


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "event_type": some(*TYPES), "event_type_prefix": st.sampled_from(["task.", "task", "a.b", "z"]),
    "category": some("task", "a", "none"), "action": some("created", "none"), "outcome": some(*Outcome),
    "actor_kind": some(*ActorKind), "actor_id": some(*AGENTS, *USERS), "agent_id": some(*AGENTS, *USERS), "user_id": some(*USERS),
    "board_id": some(*BOARDS), "task_id": some(*TASKS), "entity": st.sampled_from(ENTITIES),
    "correlation_id": st.sampled_from(["run-1", "run-3"]), "since": moments(), "until": moments(),
    "text": st.sampled_from(["invoice", "LATE", "50%_/", "of no"]), "comments_only": st.booleans(),
}  # fmt: skip
FILTERS = st.lists(st.sampled_from(sorted(FIELDS)), unique=True, max_size=4).flatmap(
    lambda names: st.fixed_dictionaries({name: FIELDS[name] for name in names}).map(lambda given: EventFilter(**given))
)
WHO = st.sampled_from(sorted(SCOPES))


async def test_every_field_is_drawn() -> None:
    assert set(FIELDS) == set(EventFilter.__dataclass_fields__)


@given(who=WHO, wanted=FILTERS, up_to=st.sampled_from([1, 20, ENOUGH]))
@settings(max_examples=EXAMPLES_MAX)
async def test_what_is_looked_at_long_enough_is_counted_exactly(
    written: Log, who: UUID, wanted: EventFilter, up_to: int
) -> None:
    scope = SCOPES[who]
    there = written.expected(scope, wanted)
    expected = Count(min(there, up_to), is_exact=there <= up_to)
    assert await written.count(scope, wanted, up_to, ENOUGH) == expected
    assert await written.count(scope, wanted, up_to, None) == expected


@given(who=WHO, wanted=FILTERS, look_at=st.sampled_from([0, 1, 5, 40]))
@settings(max_examples=EXAMPLES_MAX)
async def test_a_short_look_finds_no_more_than_there_is_and_tells_nothing_of_what_is_hidden(
    written: Log, who: UUID, wanted: EventFilter, look_at: int
) -> None:
    scope = SCOPES[who]
    there = written.expected(scope, wanted)
    found = await written.count(scope, wanted, ENOUGH, look_at)
    assert found.count <= there
    assert found.count == there or not found.is_exact
    # A log that has nothing hidden says the same of itself.
    bare = await written.count(replace(scope, workspace_id=who), wanted, ENOUGH, look_at)
    assert bare.is_exact == found.is_exact


@given(who=WHO, wanted=FILTERS)
@settings(max_examples=EXAMPLES_MAX)
async def test_one_index_holds_all_that_is_counted_without_a_look(written: Log, who: UUID, wanted: EventFilter) -> None:
    scope = SCOPES[who]
    looks = [(part, look_of(part, wanted)) for part in parts_of(scope, wanted)]
    for part, look in looks:
        assert look.columns in INDEXED
        given = {name for name in FIELDS if getattr(wanted, name) not in {None, False}} - {"since", "until"}
        kept = {name for name in given if getattr(look.inner, name) == getattr(wanted, name)}
        rest = {name for name in given if getattr(look.rest, name) == getattr(wanted, name)}
        named = {part.own, "actor_id"} & given if part.own else set()
        assert kept | rest | named == given
        assert not kept & rest
        assert not look.is_whole or not rest
    if all(look.is_whole for _, look in looks):
        assert await written.count(scope, wanted, ENOUGH, 0) == Count(written.expected(scope, wanted), is_exact=True)


async def test_what_is_indexed_is_in_the_model() -> None:
    """And what a part compares beside its own columns is in the index as well, so that its entries tell without the table."""
    indexes = {
        frozenset(column.name for column in index.columns): index for index in Event.metadata.tables["events"].indexes
    }
    for other in ("board_id", "event_type"):
        by_actor = indexes[frozenset({"workspace_id", "actor_id", other, "sequence"})]
        assert by_actor.dialect_options["postgresql"]["include"] == ("agent_id", "user_id")
    for columns in INDEXED:
        needed = {"workspace_id", "sequence", *columns}
        if "entity" in needed:
            needed = needed - {"entity"} | {"entity_type", "entity_id"}
        if needed & {"agent_id", "user_id"} and needed & {"board_id", "event_type"}:
            needed = needed - {"agent_id", "user_id"} | {"actor_id"}
        needed -= {"comments_only"}  # the condition of an index
        assert frozenset(needed) in indexes or not columns, columns
