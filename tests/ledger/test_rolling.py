"""Counts are made once for each event, whoever makes them and whatever dies meanwhile, and answers are read from them."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.ledger.drafts import empty_log
from tests.schema.scratch import DEFAULTS
from tests.support.clients import Client
from tests.support.serving import running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.scope import BoardSet, Scope
from trailcast.ledger.counting import Question, find_statement
from trailcast.ledger.database import Database
from trailcast.ledger.metrics import count
from trailcast.ledger.roles import READER, READER_SCHEMA, WORKSPACES
from trailcast.ledger.rollups import Pace, Roller, begin_rollups, roll_up
from trailcast.records import Dimension, EventFilter
from trailcast.settings import Settings

START = datetime(2026, 3, 1, 23, 50, tzinfo=UTC)
MADE = """
    WITH seen AS (SELECT events.*, split_part(spread, '/', 1) AS kind, split_part(spread, '/', 2)::int AS width,
        CASE split_part(spread, '/', 1) WHEN 'BOARD' THEN board_id WHEN 'AGENT' THEN agent_id WHEN 'ACTOR' THEN actor_id
            ELSE workspace_id END AS key FROM events,
        unnest(ARRAY['BOARD/15', 'BOARD/1440', 'BOARDS/15', 'BOARDS/1440', 'NO_BOARD/15', 'NO_BOARD/1440', 'AGENT/1440', 'ACTOR/1440'])
            AS spread
        WHERE workspace_id = $1 AND CASE split_part(spread, '/', 1) WHEN 'NO_BOARD' THEN board_id IS NULL
            WHEN 'AGENT' THEN agent_id IS NOT NULL WHEN 'ACTOR' THEN agent_id IS NULL ELSE board_id IS NOT NULL END)
    SELECT kind, width, key, to_timestamp(floor(extract(epoch FROM created_at) / 60 / width) * 60 * width), event_type, count(*),
        sum((outcome = 'FAILURE')::int), CASE width WHEN 1440 THEN max(sequence) END FROM seen GROUP BY 1, 2, 3, 4, 5
"""
KEPT = """
    SELECT kind, 1440, key, day, event_type, total, failed, latest FROM rollups WHERE workspace_id = $1
    UNION ALL
    SELECT kind, 15, key, day + quarter * interval '15 minutes', event_type, slot.total, slot.failed, NULL
    FROM rollups, unnest(quarters, quarter_totals, quarter_failed) AS slot (quarter, total, failed) WHERE workspace_id = $1
"""
# A backend that is in the middle of it, as it is left by a process that dies.
KILL = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' AND query ~ 'rollup'
"""
WRITE = """
    INSERT INTO events SELECT (jsonb_populate_record(NULL::events, $3::jsonb || jsonb_build_object(
        'workspace_id', $1::text, 'sequence', i, 'id', gen_random_uuid(), 'created_at', $4::timestamptz + i * interval '20 minutes',
        'occurred_at', now(), 'event_type', (ARRAY['a.b', 'a.failed', 'c.d'])[1 + i % 3],
        'outcome', CASE WHEN i % 3 = 1 THEN 'FAILURE' ELSE 'SUCCESS' END,
        'board_id', CASE WHEN i % 5 > 0 THEN lpad((i % 5)::text, 32, '0') END,
        'agent_id', CASE WHEN i % 2 = 0 THEN lpad('2', 32, '0') END, 'actor_id', lpad((2 - i % 2)::text, 32, '0')))).*
    FROM generate_series((SELECT last_sequence FROM heads WHERE workspace_id = $1) + 1,
        (SELECT last_sequence FROM heads WHERE workspace_id = $1) + $2::int) AS i
"""


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url.replace("postgresql+asyncpg", "postgresql"))
    yield connection
    await connection.close()


async def write(owner: asyncpg.Connection, workspace: UUID, events: int) -> None:
    """So many more events, twenty minutes apart."""
    async with owner.transaction():
        await owner.execute(WRITE, workspace, events, json.dumps(DEFAULTS), START)
        await owner.execute(
            "UPDATE heads SET last_sequence = last_sequence + $2 WHERE workspace_id = $1", workspace, events
        )


async def rolled_up_to(owner: asyncpg.Connection, workspace: UUID) -> int:
    mark: int | None = await owner.fetchval(
        "SELECT max(rolled_up_to) FROM rollup_marks WHERE workspace_id = $1", workspace
    )
    return mark or 0


async def test_several_processes_count_each_event_once_whichever_of_them_dies(
    settings: Settings, database: Database, owner: asyncpg.Connection
) -> None:
    """Three of them at once on a log that grows, each killed again and again in the middle of a chunk."""
    workspace, random = await empty_log(database), Random(3)
    url = settings.database_url or ""
    killed = 0
    async with contextlib.AsyncExitStack() as stack:
        rollers = []
        for _ in range(3):
            own = Database(url, settings)
            stack.push_async_callback(own.dispose)
            rollers.append(Roller(own, Pace(lag_events=1, chunk_events=17, tick_s=0.01)))
            await stack.enter_async_context(rollers[-1].running())
        for turn in range(24):
            await write(owner, workspace, random.randint(1, 40))
            for roller in rollers:
                roller.heard_log(
                    workspace,
                    await owner.fetchval("SELECT last_sequence FROM heads WHERE workspace_id = $1", workspace),
                )
            for _ in range(20 if turn % 2 else 0):
                killed += await owner.fetchval(KILL)
                await asyncio.sleep(0)
        last: int = await owner.fetchval("SELECT last_sequence FROM heads WHERE workspace_id = $1", workspace)

        async def is_done() -> bool:
            return await rolled_up_to(owner, workspace) == last

        await until(is_done)
    assert killed >= 5
    kept = [tuple(row) for row in await owner.fetch(KEPT, workspace)]
    assert len(kept) > 100
    assert Counter(kept) == Counter(tuple(row) for row in await owner.fetch(MADE, workspace))


async def test_server_counts_what_was_there_and_what_is_written(
    settings: Settings, owner: asyncpg.Connection, world: World
) -> None:
    """A log that something else has filled, and then an event through the API; both workspaces for themselves."""
    changed = settings.model_copy(update={"rollup_lag_events": 2, "rollup_tick_s": 3600})
    logs = {UUID(world.acme), UUID(world.globex)}

    async def lags() -> set[int]:
        rows = await owner.fetch(
            "SELECT last_sequence - coalesce(rolled_up_to, 0) AS lag FROM heads"
            " LEFT JOIN rollup_marks USING (workspace_id)"
        )
        return {row["lag"] for row in rows}

    async def all_counted() -> bool:
        return await lags() == {0}

    async with running_server(changed) as server, Client(server.http) as gql:
        await until(all_counted)
        document = 'mutation { logActivity(input: {eventType: "a.b"}) { errors { message } } }'
        await gql.data(document, token=world.token("owner"))
        assert await lags() == {0, 1}
        await gql.data(document, token=world.token("owner"))
        await until(all_counted)
    for workspace in logs:
        assert Counter(map(tuple, await owner.fetch(KEPT, workspace))) == Counter(
            map(tuple, await owner.fetch(MADE, workspace))
        )


def scans(node: dict[str, Any]) -> Counter[str]:
    """Rows that a plan has read of each table."""
    found: Counter[str] = Counter()
    if "Relation Name" in node:
        found[node["Relation Name"]] = round(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        )
    for child in node.get("Plans", ()):
        found += scans(child)
    return found


BOARD, STRANGER = UUID(int=3), UUID(int=77)
DAYS, PER_DAY, TAIL = 60, 72, 50
# By whom and with which filter it is asked, and how many events there are in those days and in the tail.
ASKED: dict[str, tuple[Scope, EventFilter, int]] = {
    "a workspace": (Scope(UUID(int=0), everything=True), EventFilter(), DAYS * PER_DAY + TAIL),
    "a board": (Scope(UUID(int=0), everything=True), EventFilter(board_id=(BOARD,)), (DAYS * PER_DAY + TAIL) // 5),
    "a member": (
        Scope(UUID(int=0), user_id=STRANGER, boards=BoardSet(ids=frozenset({BOARD}))), EventFilter(), (DAYS * PER_DAY + TAIL) // 5,
    ),
}  # fmt: skip


async def test_long_times_are_read_from_counts_and_what_is_beyond_them_from_events(
    database: Database, owner: asyncpg.Connection
) -> None:
    """By counting the rows that plans read, for these values and for any: some hundreds, whoever asks, of 4,320 events."""
    workspace = await empty_log(database)
    await write(owner, workspace, DAYS * PER_DAY)
    async with database.writing([workspace]) as connection:
        await begin_rollups(connection, workspace)
        assert await roll_up(connection, workspace, 10_000) == (DAYS * PER_DAY, DAYS * PER_DAY)
    await write(owner, workspace, TAIL)
    await owner.execute("VACUUM ANALYZE events, rollups, rollup_marks")
    since, end = START + timedelta(minutes=14), START + timedelta(days=DAYS + 7)
    for name, (scope, wanted, expected) in ASKED.items():
        question = Question(
            replace(scope, workspace_id=workspace), replace(wanted, since=since, until=end), end,
            outcomes=True, breakdowns=((Dimension.EVENT_TYPE, 9),),
        )  # fmt: skip
        assert (await count(database, question)).total == expected, name
        read = await rows_read(owner, question)
        # Those beyond the mark (of a board, from its own index), and one for each of the four times that are looked up.
        assert read["events"] <= (TAIL if name == "a workspace" else TAIL // 5) + 4, name
        # Three types each day, in two rows where some are on no board; and the same again of two days that are not whole.
        assert read["rollups"] <= (2 if name == "a workspace" else 1) * 3 * (DAYS + 1 + 2 * 2), name
        assert set(read) <= {"events", "rollups", "rollup_marks"}, name


async def rows_read(owner: asyncpg.Connection, question: Question) -> Counter[str]:
    """Of each table, by the worse of the two plans; as the role that reads, under row-level security."""
    statement, read = find_statement(question), Counter[str]()
    about = f"SET {WORKSPACES} = '{question.scope.workspace_id}'"
    await owner.execute(f"SET ROLE {READER}; SET search_path = {READER_SCHEMA}, public; {about}")
    for mode in ("force_custom_plan", "force_generic_plan"):
        await owner.execute(f"SET plan_cache_mode = {mode}")
        [(plan,)] = await owner.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}", *statement.values(question))
        read |= scans(json.loads(plan)[0]["Plan"])
    await owner.execute("RESET ALL; RESET ROLE")
    return read
