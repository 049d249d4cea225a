"""The write path: numbers are dense and in commit order, whoever writes, aborts or waits, and times never fall along them."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from models import Event
from tests.ledger.drafts import draft, empty_log, is_waiting_for_lock, last_sequence, read_log
from tests.support.waiting import until
from tests.support.world import World
from trailcast.errors import NotFound
from trailcast.ledger.admin import create_workspace
from trailcast.ledger.append import Appended, Receipt, Submission, append
from trailcast.ledger.arrays import COLUMNS
from trailcast.ledger.database import Database, driver_url
from trailcast.records import Actor, ActorKind, EventDraft
from trailcast.settings import Settings

WRITERS = 16
TRANSACTIONS_PER_WRITER = 25
EVENTS_PER_TRANSACTION = 25
EVENTS = WRITERS * TRANSACTIONS_PER_WRITER * EVENTS_PER_TRANSACTION
ABORT_EVERY = 5  # of a writer's transactions, one is given up once before it is written


class Aborted(Exception):
    """Thrown away on purpose, after numbers were taken."""


async def _abort(database: Database, drafts: list[EventDraft]) -> None:
    """Append in a transaction that is then rolled back."""
    with contextlib.suppress(Aborted):
        async with database.writing({draft.workspace_id for draft in drafts}) as connection:
            [receipt] = await append(connection, [Submission(drafts)])
            assert len(receipt.appended) == len(drafts)
            raise Aborted


async def _write(database: Database, workspace_id: UUID, writer: int) -> None:
    for number in range(TRANSACTIONS_PER_WRITER):
        drafts = [draft(workspace_id, f"{writer} {number} {index}") for index in range(EVENTS_PER_TRANSACTION)]
        if number % ABORT_EVERY == 0:
            await _abort(database, drafts)
        async with database.writing([workspace_id]) as connection:
            await append(connection, [Submission(drafts)])


async def _follow(connection: asyncpg.Connection, workspace_id: UUID) -> list[tuple[int, str]]:
    """What a follower collects that asks for "sequence > last" again and again and never looks back."""
    seen: list[tuple[int, str]] = []
    while len(seen) < EVENTS:
        rows = await connection.fetch(
            "SELECT sequence, message FROM events WHERE workspace_id = $1 AND sequence > $2 ORDER BY sequence LIMIT 500",
            workspace_id,
            seen[-1][0] if seen else 0,
        )
        seen += [(row["sequence"], row["message"]) for row in rows]
    return seen


async def test_sixteen_writers_leave_a_dense_log_that_followers_see_whole_and_in_order(
    database_url: str, owner: asyncpg.Connection
) -> None:
    settings = Settings(database_url=database_url, writer_pool_size=WRITERS, lock_timeout_ms=60_000)
    database = Database(database_url, settings)
    readers = [await asyncpg.connect(driver_url(database_url)) for _ in range(2)]
    try:
        workspace_id = await empty_log(database)
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            followers = [tasks.create_task(_follow(reader, workspace_id)) for reader in readers]
            for writer in range(WRITERS):
                tasks.create_task(_write(database, workspace_id, writer))
    finally:
        await database.dispose()
        for reader in readers:
            await reader.close()
    log = await read_log(owner, workspace_id)
    assert [sequence for sequence, _ in log] == list(range(1, EVENTS + 1))
    assert len({message for _, message in log}) == EVENTS
    assert [follower.result() for follower in followers] == [log, log]
    assert await last_sequence(owner, workspace_id) == EVENTS
    falls = "SELECT count(*) FROM (SELECT created_at < lag(created_at) OVER (ORDER BY sequence) AS falls FROM events"
    assert await owner.fetchval(f"{falls} WHERE workspace_id = $1) AS steps WHERE falls", workspace_id) == 0


async def test_a_later_writer_waits_for_an_earlier_one_and_gets_the_next_number(
    database: Database, owner: asyncpg.Connection
) -> None:
    workspace_id = await empty_log(database)

    async def write_late() -> Receipt:
        async with database.writing([workspace_id]) as connection:
            [receipt] = await append(connection, [Submission([draft(workspace_id, "late")])])
            return receipt

    async with database.writing([workspace_id]) as early:
        await append(early, [Submission([draft(workspace_id, "early")])])
        late = asyncio.create_task(write_late())
        await until(lambda: is_waiting_for_lock(owner))
        assert await read_log(owner, workspace_id) == []
    assert (await late).appended == [Appended(2)]
    assert await read_log(owner, workspace_id) == [(1, "early"), (2, "late")]


async def test_the_number_of_an_aborted_transaction_goes_to_the_next(
    database: Database, owner: asyncpg.Connection
) -> None:
    workspace_id = await empty_log(database)
    await _abort(database, [draft(workspace_id, "aborted")])
    assert await last_sequence(owner, workspace_id) == 0
    async with database.writing([workspace_id]) as connection:
        await append(connection, [Submission([draft(workspace_id, "kept")])])
    assert await read_log(owner, workspace_id) == [(1, "kept")]


async def test_heads_are_locked_in_the_order_of_ids_so_that_writers_cannot_deadlock(
    database: Database, owner: asyncpg.Connection
) -> None:
    """The head with the higher id lies first in the table; whoever waits for the lower one must not hold it."""
    low, high = sorted((uuid4(), uuid4()))
    for workspace_id in (high, low):
        async with database.operating() as connection:
            await create_workspace(connection, "Pair", workspace_id)

    async def write() -> None:
        async with database.writing([high, low]) as connection:
            await append(connection, [Submission([draft(high), draft(low)])])

    lock = "SELECT FROM heads WHERE workspace_id = $1 FOR UPDATE"
    async with owner.transaction():
        await owner.execute(lock, low)
        writing = asyncio.create_task(write())
        await until(lambda: is_waiting_for_lock(owner))
        await owner.execute(f"{lock} NOWAIT", high)
    await writing
    assert [await last_sequence(owner, low), await last_sequence(owner, high)] == [1, 1]


async def test_workspaces_are_numbered_each_for_itself(database: Database, owner: asyncpg.Connection) -> None:
    one, two = await empty_log(database), await empty_log(database)
    async with database.writing([one, two]) as connection:
        receipts = await append(connection, [Submission([draft(one), draft(two)]), Submission([draft(two)])])
    assert [receipt.appended for receipt in receipts] == [[Appended(1), Appended(1)], [Appended(2)]]


async def test_time_does_not_fall_when_the_clock_steps_back(database: Database, owner: asyncpg.Connection) -> None:
    workspace_id = await empty_log(database)
    ahead = datetime.now(UTC) + timedelta(hours=1)
    await owner.execute("UPDATE heads SET last_created_at = $1 WHERE workspace_id = $2", ahead, workspace_id)
    async with database.writing([workspace_id]) as connection:
        await append(connection, [Submission([draft(workspace_id)])])
    row = await owner.fetchrow("SELECT created_at, occurred_at FROM events WHERE workspace_id = $1", workspace_id)
    assert row is not None
    assert tuple(row) == (ahead, ahead)
    assert await owner.fetchval("SELECT last_created_at FROM heads WHERE workspace_id = $1", workspace_id) == ahead


async def test_the_databases_clock_says_when(database: Database, owner: asyncpg.Connection) -> None:
    workspace_id = await empty_log(database)
    occurred_at = datetime(2020, 2, 29, 12, tzinfo=UTC)
    before = await owner.fetchval("SELECT clock_timestamp()")
    async with database.writing([workspace_id]) as connection:
        await append(connection, [Submission([draft(workspace_id, occurred_at=occurred_at)])])
    after = await owner.fetchval("SELECT clock_timestamp()")
    row = await owner.fetchrow("SELECT created_at, occurred_at FROM events WHERE workspace_id = $1", workspace_id)
    assert row is not None
    assert before <= row["created_at"] <= after
    assert row["occurred_at"] == occurred_at


async def test_history_is_imported_under_its_own_times(database: Database, owner: asyncpg.Connection) -> None:
    workspace_id = await empty_log(database)
    times = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 2)]
    async with database.writing([workspace_id]) as connection:
        submissions = [Submission([draft(workspace_id), draft(workspace_id)]), Submission([draft(workspace_id)])]
        await append(connection, submissions, times)
    rows = await owner.fetch("SELECT created_at FROM events WHERE workspace_id = $1 ORDER BY sequence", workspace_id)
    assert [row["created_at"] for row in rows] == times
    assert await owner.fetchval("SELECT last_created_at FROM heads WHERE workspace_id = $1", workspace_id) == times[-1]


async def test_a_workspace_that_does_not_exist_takes_no_event(
    database: Database, owner: asyncpg.Connection, world: World
) -> None:
    before = await last_sequence(owner, world.acme)
    with pytest.raises(NotFound, match="no such workspace"):
        async with database.writing([UUID(world.acme), nowhere := uuid4()]) as connection:
            await append(connection, [Submission([draft(world.acme), draft(nowhere)])])
    assert await last_sequence(owner, world.acme) == before


def test_a_row_has_a_value_for_every_column() -> None:
    assert sorted(COLUMNS) == sorted(column.name for column in Event.__table__.columns)


async def test_agents_and_users_are_the_actors_with_their_ids_and_nobody_else_is(
    database: Database, owner: asyncpg.Connection, world: World
) -> None:
    """What is asked of agents and of users together with boards or types is found by this (`filters.as_actor`)."""
    drafts = [
        replace(draft(world.acme), actor=Actor(kind, UUID(int=number), None, None))
        for number, kind in enumerate(ActorKind, start=1)
    ]
    async with database.writing([UUID(world.acme)]) as connection:
        await append(connection, [Submission(drafts)])
    kinds = await owner.fetch(
        """SELECT DISTINCT actor_kind, agent_id IS NOT DISTINCT FROM actor_id, user_id IS NOT DISTINCT FROM actor_id,
             agent_id IS NULL AND user_id IS NULL FROM events ORDER BY 1"""
    )
    assert [tuple(row) for row in kinds] == [
        ("AGENT", True, False, False),
        ("SERVICE", False, False, True),
        ("SYSTEM", False, False, True),
        ("USER", False, True, False),
    ]


async def test_history_outlives_what_it_is_about(database: Database, owner: asyncpg.Connection, world: World) -> None:
    """No key leads out of the log, so nothing that happens to the directory can reach it."""
    keys = await owner.fetch(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND 'events'::regclass IN (conrelid, confrelid)"
    )
    assert keys == []
    before = await read_log(owner, world.acme)
    await owner.execute("ALTER TABLE tasks DISABLE TRIGGER keep_names")
    await owner.execute("DELETE FROM tasks")
    assert await read_log(owner, world.acme) == before
