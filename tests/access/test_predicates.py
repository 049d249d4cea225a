"""Each rule stands twice, in SQL for lists and in Python for deliveries: on any events and any scope or filter, the two agree."""

import contextlib
import itertools
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Uuid, and_, insert, literal, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Event
from tests.access.conftest import Asking
from trailcast.access.scope import (
    BoardSet,
    Scope,
    admits,
    not_counted_for,
    own_id,
    reach,
    reads_boards,
    visible_on,
    visible_to,
)
from trailcast.ledger.columns import EVERYTHING, EventRows
from trailcast.ledger.filters import conditions, matches, of_one_actor
from trailcast.live.audiences import Audience, addresses_of
from trailcast.records import ActorKind, EntityRef, EventFilter, EventRecord, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXAMPLES_MAX = 50
START = datetime(2026, 3, 1, tzinfo=UTC)


def ids(kind: int, count: int) -> list[UUID]:
    return [UUID(int=kind * 1000 + number) for number in range(1, count + 1)]


WORKSPACES, AGENTS, USERS, BOARDS, TASKS = ids(1, 2), ids(2, 2), ids(3, 2), ids(4, 3), ids(5, 2)
ACTORS = [*(("AGENT", agent) for agent in AGENTS), *(("USER", user) for user in USERS), ("SERVICE", UUID(int=1))]
TYPES = ["task.comment", "task.created", "task.execution.failed", "tasks.moved", "auth.login", "a.b", "a.b.c"]
ENTITIES = [("task", "1"), ("task", "2"), ("board", "1"), ("invoice", "É \"'%_\\")]
CORRELATIONS = ["run-1", "run-2", "RUN-1"]
MOMENTS = st.integers(-1, 6).map(lambda minutes: START + timedelta(minutes=minutes))


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A log for each of two workspaces: numbered, and with times that do not fall."""
    made = []
    for workspace in WORKSPACES:
        minutes = sorted(draw(st.lists(st.integers(0, 5), min_size=4, max_size=8)))
        made += [draw(_row(workspace, sequence, minute)) for sequence, minute in enumerate(minutes, start=1)]
    return made


@st.composite
def _row(draw: st.DrawFn, workspace: UUID, sequence: int, minute: int) -> dict[str, Any]:
    kind, actor = draw(st.sampled_from(ACTORS))
    event_type = draw(st.sampled_from(TYPES))
    entity = draw(st.sampled_from(ENTITIES))
    moment = START + timedelta(minutes=minute)
    return _written(workspace, sequence, kind, actor, draw(st.sampled_from([None, *BOARDS]))) | {
        "created_at": moment,
        "event_type": event_type,
        "category": event_type.partition(".")[0],
        "action": draw(st.sampled_from(["created", "moved"])),
        "outcome": draw(st.sampled_from(Outcome)).value,
        "task_id": draw(st.sampled_from(TASKS if event_type == "task.comment" else [None, *TASKS])),
        "entity_type": entity[0],
        "entity_id": entity[1],
        "correlation_id": draw(st.sampled_from([None, *CORRELATIONS])),
    }


def _written(workspace: UUID, sequence: int, kind: str, actor: UUID, board: UUID | None) -> dict[str, Any]:
    return {
        "workspace_id": workspace, "sequence": sequence, "id": uuid4(), "created_at": START, "occurred_at": START,
        "event_type": "a.b", "category": "a", "action": "b", "outcome": "SUCCESS", "message": "said", "actor_kind": kind,
        "actor_id": actor, "agent_id": actor if kind == "AGENT" else None, "user_id": actor if kind == "USER" else None,
        "board_id": board, "task_id": None, "entity_type": "a", "entity_id": "1", "correlation_id": None,
        "changes": [], "metadata": {},
    }  # fmt: skip


def lists(*values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), max_size=3).map(tuple)


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "event_type": lists(*TYPES, "task"),
    "event_type_prefix": st.sampled_from(
        ["task.", "task", "t", "task.c", "a.", "a.b", "a.b.", ".", "z", "%", "task._"]
    ),
    "category": lists("task", "tasks", "auth", "a", "none"),
    "action": lists("created", "moved", "none"),
    "outcome": lists(*Outcome),
    "actor_kind": lists(*ActorKind),
    "actor_id": lists(*AGENTS, *USERS),
    "agent_id": lists(*AGENTS, *USERS),
    "user_id": lists(*AGENTS, *USERS),
    "board_id": lists(*BOARDS),
    "task_id": lists(*TASKS),
    "entity": st.sampled_from([EntityRef(*entity) for entity in [*ENTITIES, ("task", "3")]]),
    "correlation_id": st.sampled_from([*CORRELATIONS, "none"]),
    "since": MOMENTS,
    "until": MOMENTS,
    "comments_only": st.booleans(),
}


@st.composite
def searches(draw: st.DrawFn) -> tuple[list[dict[str, Any]], UUID, EventFilter]:
    """A log, a workspace, and a filter of a few fields, most of which fit one of its events: random ones would find nothing."""
    log = draw(rows())
    target = draw(st.sampled_from(log))
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, min_size=1, max_size=3))
    fitting = {name: draw(st.just(_fitting(target, name)) | FIELDS[name]) for name in names}
    return log, target["workspace_id"], EventFilter(**fitting)


def _fitting(target: dict[str, Any], name: str) -> Any:
    """A value of this field of a filter that this event meets, as nearly as can be."""
    if name in {"since", "until"}:
        return target["created_at"]
    if name == "event_type_prefix":
        return target["event_type"][:-1]
    if name == "entity":
        return EntityRef(target["entity_type"], target["entity_id"])
    if name == "comments_only":
        return True
    value = target[name]
    if name == "correlation_id" or value is None:
        return value
    return ({"outcome": Outcome, "actor_kind": ActorKind}.get(name, lambda same: same)(value),)


class _RolledBack(Exception):
    """Thrown away on purpose."""


@asynccontextmanager
async def written(ask: Asking, log: list[dict[str, Any]]) -> AsyncGenerator[tuple[AsyncConnection, list[EventRecord]]]:
    """A transaction in which this log stands, and its events as a delivery has them; rolled back at the end."""
    with contextlib.suppress(_RolledBack):
        async with ask.shared.server.database.writing(WORKSPACES) as connection:
            await connection.execute(insert(Event), log)
            read: list[EventRecord] = []
            for workspace in WORKSPACES:
                all_of_it = Scope(workspace, everything=True, boards=BoardSet(all=True))
                reader = EventRows(all_of_it, EVERYTHING)
                found = await connection.execute(reader.select().where(Event.workspace_id == workspace))
                read += [reader.read(all_of_it, row) for row in found]
            yield connection, read
            raise _RolledBack


def places(events: Sequence[EventRecord]) -> set[tuple[UUID, int]]:
    return {(event.workspace_id, event.sequence) for event in events}


def is_looked_for(audience: Audience, event: EventRecord) -> bool:
    """Whether the hub would look at this audience at all when this event comes."""
    return not set(audience.addresses()).isdisjoint(addresses_of(event))


async def test_every_field_of_a_filter_is_drawn_but_text_which_only_the_database_compares() -> None:
    assert set(FIELDS) == set(EventFilter.__dataclass_fields__) - {"text"}


async def test_what_sql_shows_a_scope_is_what_a_delivery_admits(tell: Asking) -> None:
    """Every scope over every kind of event: there are few enough to leave nothing to chance."""
    log = [
        _written(workspace, sequence, kind, actor, board)
        for workspace in WORKSPACES
        for sequence, ((kind, actor), board) in enumerate(itertools.product(ACTORS, [None, *BOARDS]), start=1)
    ]
    board_sets = [
        BoardSet(everywhere, frozenset(some)) for everywhere in (False, True) for some in ((), BOARDS[:1], BOARDS[:2])
    ]
    async with written(tell, log) as (connection, events):
        ours = Event.workspace_id.in_(WORKSPACES)
        for scope in itertools.starmap(
            Scope, itertools.product(WORKSPACES, (False, True), [None, *AGENTS], [None, *USERS], board_sets)
        ):
            shown = await connection.execute(select(Event.workspace_id, Event.sequence).where(ours, visible_to(scope)))
            admitted = [event for event in events if admits(scope, event)]
            assert {(row[0], row[1]) for row in shown} == places(admitted), scope
            assert all(is_looked_for(Audience(scope, EventFilter()), event) for event in admitted), scope
            for asked in (BOARDS[:1], BOARDS[1:2], BOARDS):
                within = and_(visible_to(reach(scope, asked)), Event.board_id.in_(asked))
                shown = await connection.execute(select(Event.workspace_id, Event.sequence).where(ours, within))
                of_these = [event for event in admitted if event.board_id in asked]
                assert {(row[0], row[1]) for row in shown} == places(of_these), (scope, asked)
            own = own_id(scope)
            as_actor = and_(visible_to(scope), Event.actor_id == own if own is not None else true())
            shown = await connection.execute(select(Event.workspace_id, Event.sequence).where(ours, as_actor))
            assert {(row[0], row[1]) for row in shown} == places(admitted), scope
            if reads_boards(scope):
                read = BOARDS if scope.boards.all else scope.boards.ids
                parts = [visible_on(scope, literal(board, Uuid())) for board in read]
                elsewhere = and_(visible_to(scope), not_counted_for(scope))
                found = [
                    (row[0], row[1])
                    for part in (*parts, elsewhere)
                    for row in await connection.execute(select(Event.workspace_id, Event.sequence).where(ours, part))
                ]
                assert sorted(found) == sorted(places(admitted)), scope  # each in one part


async def test_equal_sets_of_boards_are_written_alike() -> None:
    """Sets that are equal may be walked in different orders: those whose members collide, by how they came to be."""
    ids = [UUID(int=number << 64 | 7) for number in range(1, 200)]
    one, other = BoardSet(ids=frozenset(ids)), BoardSet(ids=frozenset(reversed(ids)))
    assert (one.as_text, one) == (other.as_text, other)
    assert one.as_text.count(",") == len(ids) - 1


async def test_each_field_of_a_filter_means_the_same_to_sql_and_to_a_delivery(tell: Asking) -> None:
    """Alone, with the values of each event of a log in turn, so that every bound is met exactly."""
    [*log] = (
        _written(WORKSPACES[0], place + 1, *ACTORS[place % 5], [None, *BOARDS][place % 4])
        | {
            "created_at": START + timedelta(minutes=place // 2),
            "event_type": TYPES[place % 7],
            "category": TYPES[place % 7].partition(".")[0],
            "outcome": list(Outcome)[place % 3].value,
            "task_id": TASKS[place % 2],
            "entity_type": ENTITIES[place % 4][0],
            "entity_id": ENTITIES[place % 4][1],
            "correlation_id": CORRELATIONS[place % 3],
        }
        for place in range(14)
    )
    async with written(tell, log) as (connection, events):
        for event, name in itertools.product(log, FIELDS):
            await _check_alike(connection, events, WORKSPACES[0], EventFilter(**{name: _fitting(event, name)}))
        # One id in two lists, of which an event may be in one at most.
        for (_, actor), (one, other) in itertools.product(
            ACTORS, itertools.combinations(("agent_id", "user_id", "actor_id"), 2)
        ):
            lists: dict[str, Any] = {one: (actor,), other: (actor, *AGENTS)}
            await _check_alike(connection, events, WORKSPACES[0], EventFilter(**lists))


@given(search=searches())
@settings(max_examples=EXAMPLES_MAX, deadline=None)
async def test_any_filter_means_the_same_to_sql_and_to_a_delivery(
    tell: Asking, search: tuple[list[dict[str, Any]], UUID, EventFilter]
) -> None:
    log, workspace, wanted = search
    async with written(tell, log) as (connection, events):
        await _check_alike(connection, events, workspace, wanted)


async def _check_alike(
    connection: AsyncConnection, events: Sequence[EventRecord], workspace: UUID, wanted: EventFilter
) -> None:
    here = [event for event in events if event.workspace_id == workspace]
    matching = [event for event in here if matches(wanted, event)]
    assert [event for event in here if matches(of_one_actor(wanted), event)] == matching
    everything = Scope(workspace, everything=True)
    # What follows from a scope and a filter together is said beside them (`names_own`, `as_actor`), and changes nothing.
    for scope in (
        everything,
        Scope(workspace, agent_id=AGENTS[0]),
        Scope(workspace, user_id=USERS[0]),
        Scope(workspace, user_id=USERS[0], boards=BoardSet(ids=frozenset(BOARDS[:1]))),
    ):
        found = await connection.execute(select(Event.workspace_id, Event.sequence).where(*conditions(scope, wanted)))
        expected = places([event for event in matching if admits(scope, event)])
        assert {(row[0], row[1]) for row in found} == expected, (scope, wanted)
    assert all(is_looked_for(Audience(everything, wanted), event) for event in matching), wanted
