"""Counts made beforehand are counts: whatever of the log they cover, the answers are those that the events themselves give."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from models import Event
from tests.conftest import EMPTY_TEMPLATE
from tests.ledger import rolled_log as log
from tests.ledger.rolled_log import AGENTS, BOARDS, DAYS, ELSEWHERE, EVENTS, HERE, START, TYPES, USERS
from tests.schema.servers import Shared, shared_server
from tests.support.world import World
from trailcast.access.scope import BoardSet, Scope
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.admin import create_workspace
from trailcast.ledger.buckets import bucket_bounds
from trailcast.ledger.columns import EVERYTHING, EventRows
from trailcast.ledger.counting import Question
from trailcast.ledger.metrics import count
from trailcast.ledger.rollups import begin_rollups, roll_up
from trailcast.records import Bucket, Dimension, EventFilter, EventRecord, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES_MAX = 150
END = START + timedelta(days=DAYS)
NOW = END + timedelta(hours=1)


class Counting:
    """A log of forty days beside a small one, and its events as a delivery has them."""

    def __init__(self, shared: Shared, events: list[EventRecord]) -> None:
        self.shared = shared
        self.events = events

    async def roll_up(self, marks: list[int]) -> None:
        """Count the log anew, up to these marks, one after the other."""
        await self.shared.sql.execute("TRUNCATE rollups; UPDATE rollup_marks SET rolled_up_to = 0")
        before = 0
        for mark in sorted(marks):
            async with self.shared.server.database.writing([HERE]) as connection:
                assert await roll_up(connection, HERE, mark - before) == (mark, EVENTS)
            before = mark


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counting(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Counting]:
    async with shared_server(postgres, EMPTY_TEMPLATE) as shared:
        database = shared.server.database
        for workspace in (HERE, ELSEWHERE):
            async with database.operating() as connection:
                await create_workspace(connection, "Counted", workspace)
            rows = log.make_log(workspace, EVENTS if workspace == HERE else 50)
            async with database.writing([workspace]) as connection:
                await connection.execute(insert(Event), rows)
                await begin_rollups(connection, workspace)
            await shared.sql.execute(
                "UPDATE heads SET last_sequence = $2 WHERE workspace_id = $1", workspace, len(rows)
            )
        for table, column in (("boards", "name"), ("tasks", "title")):
            for key, name in log.NAMES.items():
                if (key in BOARDS) == (table == "boards"):
                    await shared.sql.execute(
                        f"INSERT INTO {table} (workspace_id, id, {column}) VALUES ($1, $2, $3)", HERE, key, name
                    )
        scope = Scope(HERE, everything=True, boards=BoardSet(all=True))
        everything = EventRows(scope, EVERYTHING)
        async with database.reading(HERE) as connection:
            found = await connection.execute(everything.select().where(Event.workspace_id == HERE))
            events = [everything.read(scope, row) for row in found]
        assert len(events) == EVENTS
        yield Counting(shared, events)


board_sets = st.builds(BoardSet, st.booleans(), st.sets(st.sampled_from(BOARDS), max_size=2).map(frozenset))
scopes = st.one_of(
    st.just(Scope(HERE, everything=True, boards=BoardSet(all=True))),
    st.builds(Scope, st.just(HERE), agent_id=st.sampled_from(AGENTS), boards=board_sets),
    st.builds(Scope, st.just(HERE), user_id=st.sampled_from(USERS), boards=board_sets),
)
# Where something begins, a little beside it, and where nothing does.
moments = st.builds(
    lambda quarters, beside: START + quarters * log.QUARTER + beside,
    st.one_of(st.integers(0, DAYS).map(lambda days: days * 96), st.integers(0, DAYS * 96)),
    st.sampled_from([timedelta(0), timedelta.resolution, -timedelta.resolution, timedelta(minutes=7)]),
)


def lists(*values: Any) -> st.SearchStrategy[tuple[Any, ...] | None]:
    return st.none() | st.lists(st.sampled_from(values), max_size=2).map(tuple)


filters = st.builds(
    EventFilter,
    event_type=lists(*TYPES, "none"),
    event_type_prefix=st.none() | st.sampled_from(["task.", "task", "a.", "a.b", "a.b.", "."]),
    category=st.none() | lists("task", "a", "none"),
    outcome=st.none() | st.just((Outcome.FAILURE,)) | lists(*Outcome),
    board_id=st.none() | lists(*BOARDS),
    agent_id=st.none() | lists(*AGENTS),
    action=st.none() | st.none() | lists("created"),
    comments_only=st.sampled_from([False, False, True]),
)
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Monrovia"]
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    since, until = sorted([draw(moments), draw(moments)])
    wanted = replace(draw(filters | st.just(EventFilter())), since=since, until=draw(st.sampled_from([until, None])))
    dimensions = draw(st.lists(st.sampled_from(Dimension), unique=True, max_size=3))
    bounds = bucket_bounds(since, wanted.until or NOW, draw(st.sampled_from(Bucket)), ZoneInfo(draw(zones)), 10_000)
    return Question(
        draw(scopes), wanted, NOW, draw(st.booleans()),
        tuple((dimension, draw(st.integers(1, 5))) for dimension in dimensions), draw(st.sampled_from([None, bounds])),
    )  # fmt: skip


@given(question=questions(), marks=st.lists(st.integers(1, EVENTS), unique=True, max_size=3))
@settings(max_examples=EXAMPLES_MAX, deadline=None)
async def test_answers_are_those_of_the_events_whatever_was_counted_beforehand(
    counting: Counting, question: Question, marks: list[int]
) -> None:
    if not question.is_of_something:
        question = replace(question, outcomes=True)
    seen = log.visible(counting.events, question.scope, question.wanted)
    await counting.roll_up(marks)
    counted = await count(counting.shared.server.database, question)
    assert (counted.total, counted.failed) == (log.outcomes(seen) if question.outcomes else (0, 0))
    assert counted.breakdowns == {by: log.breakdown(seen, by, first) for by, first in question.breakdowns}
    within = {number: both for number, both in counted.points.items() if number < len(question.bounds or ())}
    assert within == ({} if question.bounds is None else log.series(seen, question.bounds))
