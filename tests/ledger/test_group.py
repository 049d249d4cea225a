"""Group commit: who waits together commits together, each caller hears what became of its own events, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.ledger.drafts import draft, empty_log, is_waiting_for_lock, last_sequence, read_log
from tests.support.clients import Statements
from tests.support.waiting import until
from tests.support.world import World
from trailcast.errors import NotFound, Unavailable
from trailcast.ledger.append import Appended, Receipt
from trailcast.ledger.arrays import LOCK_HEADS, MOVE_HEADS_AND_INSERT
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.ledger.lookup import Found, Names
from trailcast.records import EventDraft
from trailcast.settings import Settings

CALLERS = 50
GROUP = 32
ANSWER_TIMEOUT_S = 20.0


class Journal(Database):
    """What the writers did to the database and to the doorbell, in order: "commit", "rollback", and each ring's ends."""

    def __init__(self, url: str, settings: Settings) -> None:
        super().__init__(url, settings)
        self.entries: list[object] = []

    @asynccontextmanager
    async def writing(self, workspace_ids: Iterable[UUID]) -> AsyncGenerator[AsyncConnection]:
        try:
            async with super().writing(workspace_ids) as connection:
                yield connection
        except BaseException:
            self.entries.append("rollback")
            raise
        self.entries.append("commit")

    def ring(self, ends: dict[UUID, int]) -> None:
        self.entries.append(dict(ends))


@pytest.fixture
async def log(database: Database) -> UUID:
    """A workspace with an empty log."""
    return await empty_log(database)


@pytest.fixture
async def journal(database_url: str, settings: Settings) -> AsyncIterator[Journal]:
    journal = Journal(database_url, settings)
    yield journal
    await journal.dispose()


@pytest.fixture
async def writers(journal: Journal) -> AsyncIterator[Writers]:
    writers = Writers(journal, journal.ring, Settings())
    yield writers
    await writers.close()


@asynccontextmanager
async def head_locked(owner: asyncpg.Connection, workspace_id: UUID) -> AsyncIterator[None]:
    """While the block runs, nothing can be appended to this log."""
    async with owner.transaction():
        await owner.execute("SELECT FROM heads WHERE workspace_id = $1 FOR UPDATE", workspace_id)
        yield


async def waiting(owner: asyncpg.Connection, writers: Writers, callers: int) -> None:
    """Return when one transaction waits for the head and this many callers wait for the next."""
    await until(lambda: is_waiting_for_lock(owner))
    await until(lambda: len(writers._waiting) == callers)


async def test_a_lone_writer_has_a_transaction_of_its_own_and_rings_after_the_commit(
    writers: Writers, journal: Journal, log: UUID
) -> None:
    assert (await writers.append([draft(log), draft(log)])).appended == [Appended(1), Appended(2)]
    assert (await writers.append([draft(log)])).appended == [Appended(3)]
    assert journal.entries == ["commit", {log: 2}, "commit", {log: 3}]


async def test_callers_that_come_together_share_one_commit_one_insert_and_one_ring(
    writers: Writers, journal: Journal, log: UUID, owner: asyncpg.Connection
) -> None:
    with Statements(journal) as statements:
        receipts = await asyncio.gather(*(writers.append([draft(log, str(number))]) for number in range(CALLERS)))
    assert [receipt.appended for receipt in receipts] == [[Appended(number + 1)] for number in range(CALLERS)]
    assert journal.entries == ["commit", {log: CALLERS}]
    assert statements.texts == [LOCK_HEADS, MOVE_HEADS_AND_INSERT]
    assert await read_log(owner, log) == [(number + 1, str(number)) for number in range(CALLERS)]


async def test_callers_that_come_during_a_commit_go_with_the_next(
    writers: Writers, journal: Journal, log: UUID, owner: asyncpg.Connection
) -> None:
    async with head_locked(owner, log):
        first = asyncio.create_task(writers.append([draft(log)]))
        await until(lambda: is_waiting_for_lock(owner))
        others = [asyncio.create_task(writers.append([draft(log)])) for _ in range(CALLERS)]
        await waiting(owner, writers, CALLERS)
    await asyncio.gather(first, *others)
    assert journal.entries == ["commit", {log: 1}, "commit", {log: 1 + CALLERS}]


async def test_a_group_has_a_bound_and_a_larger_batch_goes_alone(journal: Journal, log: UUID) -> None:
    writers = Writers(journal, journal.ring, Settings(group_events_max=10))
    sizes = (4, 4, 4, 15, 1)
    await asyncio.gather(*(writers.append([draft(log)] * size) for size in sizes))
    assert journal.entries == ["commit", {log: 8}, "commit", {log: 12}, "commit", {log: 27}, "commit", {log: 28}]


async def test_a_group_has_a_bound_in_bytes_too(journal: Journal, log: UUID) -> None:
    writers = Writers(journal, journal.ring, Settings(group_bytes_max=100))
    nothing = Names(log)
    sizes = (40, 40, 40, 101, 60, 40)
    await asyncio.gather(*(writers.draft_and_append(nothing, 1, size, lambda _: [draft(log)]) for size in sizes))
    assert journal.entries == ["commit", {log: 2}, "commit", {log: 3}, "commit", {log: 4}, "commit", {log: 6}]


async def test_what_a_group_names_is_looked_up_once_and_each_call_is_drafted_from_its_own_workspace(
    writers: Writers, journal: Journal, world: World, owner: asyncpg.Connection
) -> None:
    acme, globex = UUID(world.acme), UUID(world.globex)
    tasks = [UUID(world.id(name)) for name in ("alpha_task", "globex_task")]
    before = {home: await last_sequence(owner, home) for home in (acme, globex)}

    def call(number: int) -> Coroutine[Any, Any, Receipt]:
        home = (acme, globex)[number % 2]

        def draft_it(found: Found) -> list[EventDraft]:
            return [draft(home, ", ".join(place.title for place in found.tasks.values())) for _ in found.tasks]

        return writers.draft_and_append(Names(home, tasks=[tasks[number // 2 % 2]]), 1, 0, draft_it)

    with Statements(journal) as statements:
        receipts = await asyncio.gather(*map(call, range(GROUP)))
    looked_up, *rest = statements.texts
    assert "FROM tasks" in looked_up
    assert rest == [LOCK_HEADS, MOVE_HEADS_AND_INSERT]
    # All of a workspace's own tasks that any call has named are there for each of its calls.
    assert [len(receipt.appended) for receipt in receipts] == [1] * GROUP
    assert journal.entries == ["commit", {home: end + GROUP // 2 for home, end in before.items()}]
    written = {message for home in before for _, message in (await read_log(owner, home))[before[home] :]}
    assert written == {"Alpha task", "Globex task"}


async def test_a_call_that_cannot_be_drafted_fails_alone_and_one_that_is_refused_is_nobodys_trouble(
    writers: Writers, journal: Journal, log: UUID, owner: asyncpg.Connection
) -> None:
    drafted: list[str] = []

    def making(name: str) -> Callable[[Found], list[EventDraft]]:
        def make(_found: Found) -> list[EventDraft]:
            drafted.append(name)
            if name == "broken":
                raise ZeroDivisionError
            return [] if name == "refused" else [draft(log, name)]

        return make

    names = ("one", "refused", "broken", "two")
    calls = [writers.draft_and_append(Names(log), 1, 0, making(name)) for name in names]
    one, refused, broken, two = await asyncio.gather(*calls, return_exceptions=True)
    assert (one, refused, two) == (Receipt([Appended(1)]), Receipt(), Receipt([Appended(2)]))
    assert isinstance(broken, ZeroDivisionError)
    assert drafted == ["one", "refused", "broken", *names]
    assert await read_log(owner, log) == [(1, "one"), (2, "two")]
    assert journal.entries == ["rollback", "commit", {log: 1}, "commit", "rollback", "commit", {log: 2}]


async def test_one_commit_serves_several_workspaces_and_rings_each(
    writers: Writers, journal: Journal, log: UUID, database: Database
) -> None:
    other = await empty_log(database)
    journal.entries.clear()
    await asyncio.gather(writers.append([draft(log)]), writers.append([draft(other)]), writers.append([draft(log)]))
    assert journal.entries == ["commit", {log: 2, other: 1}]


@pytest.mark.parametrize("bad", ["workspace", "text"])
async def test_what_the_database_refuses_fails_alone(
    writers: Writers, journal: Journal, log: UUID, owner: asyncpg.Connection, bad: str
) -> None:
    faulty = draft(uuid4()) if bad == "workspace" else draft(log, "a NUL: \0")
    calls = [[draft(log, "one")], [draft(log, "with it"), faulty], [draft(log, "two")]]
    first, refused, last = await asyncio.gather(*map(writers.append, calls), return_exceptions=True)
    assert isinstance(first, Receipt)
    assert isinstance(last, Receipt)
    assert (first.appended, last.appended) == ([Appended(1)], [Appended(2)])
    assert isinstance(refused, NotFound if bad == "workspace" else asyncpg.PostgresError)
    assert await read_log(owner, log) == [(1, "one"), (2, "two")]
    # The group, then each of its members.
    assert journal.entries == ["rollback", "commit", {log: 1}, "rollback", "commit", {log: 2}]


async def test_a_caller_that_goes_away_takes_nothing_with_it(
    writers: Writers, log: UUID, owner: asyncpg.Connection
) -> None:
    async with head_locked(owner, log):
        running = asyncio.create_task(writers.append([draft(log, "running")]))
        await until(lambda: is_waiting_for_lock(owner))
        gone, staying = (asyncio.create_task(writers.append([draft(log, name)])) for name in ("gone", "staying"))
        await waiting(owner, writers, 2)
        for task in (running, gone):
            task.cancel()
        await asyncio.wait([running, gone])
        assert running.cancelled()
        assert gone.cancelled()
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        assert (await staying).appended == [Appended(3)]
    assert await read_log(owner, log) == [(1, "running"), (2, "gone"), (3, "staying")]
    assert (await writers.append([draft(log)])).appended == [Appended(4)]


async def test_when_the_connection_dies_the_whole_group_is_told_and_the_next_is_written(
    writers: Writers, journal: Journal, log: UUID, owner: asyncpg.Connection
) -> None:
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with head_locked(owner, log):
        lost = [asyncio.create_task(writers.append([draft(log, "lost")])) for _ in range(CALLERS)]
        await until(lambda: is_waiting_for_lock(owner))
        after = [asyncio.create_task(writers.append([draft(log, "after")])) for _ in range(CALLERS)]
        await waiting(owner, writers, CALLERS)
        assert len(await owner.fetch(kill)) == 1
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            answers = await asyncio.gather(*lost, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * CALLERS
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        receipts = await asyncio.gather(*after)
    assert [receipt.appended for receipt in receipts] == [[Appended(number + 1)] for number in range(CALLERS)]
    assert {message for _, message in await read_log(owner, log)} == {"after"}
    assert journal.entries[-2:] == ["commit", {log: CALLERS}]


async def test_a_lock_that_cannot_be_had_in_time_answers_everybody(
    database_url: str, owner: asyncpg.Connection
) -> None:
    database = Database(database_url, Settings(database_url=database_url, lock_timeout_ms=100))
    try:
        log = await empty_log(database)
        writers = Writers(database, lambda _ends: None, Settings())
        async with head_locked(owner, log):
            answers = await asyncio.gather(*(writers.append([draft(log)]) for _ in range(3)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unavailable] * 3
        assert await last_sequence(owner, log) == 0
    finally:
        await database.dispose()


async def test_more_callers_than_the_bound_are_refused_at_once(
    journal: Journal, log: UUID, owner: asyncpg.Connection
) -> None:
    writers = Writers(journal, journal.ring, Settings(writers_waiting_max=2))
    async with head_locked(owner, log):
        accepted = [asyncio.create_task(writers.append([draft(log)]))]
        await until(lambda: is_waiting_for_lock(owner))
        accepted += [asyncio.create_task(writers.append([draft(log)])) for _ in range(2)]
        await waiting(owner, writers, 2)
        with pytest.raises(Unavailable, match="Too many events are waiting"):
            await writers.append([draft(log)])
    await asyncio.gather(*accepted)
    assert await last_sequence(owner, log) == 3


async def test_closing_waits_until_everybody_is_answered(
    writers: Writers, log: UUID, owner: asyncpg.Connection
) -> None:
    async with head_locked(owner, log):
        first = asyncio.create_task(writers.append([draft(log)]))
        await until(lambda: is_waiting_for_lock(owner))
        second = asyncio.create_task(writers.append([draft(log)]))
        await waiting(owner, writers, 1)
        closing = asyncio.create_task(writers.close())
    await closing
    assert await last_sequence(owner, log) == 2
    assert [(await first).appended, (await second).appended] == [[Appended(1)], [Appended(2)]]
    await writers.close()


async def test_what_was_written_before_rings_no_bell(writers: Writers, journal: Journal, log: UUID) -> None:
    known = draft(log, idempotency_key="key", content_sha256=b"same")
    assert (await writers.append([known])).appended == [Appended(1)]
    journal.entries.clear()
    assert (await writers.append([known])).appended == [Appended(1, replayed=True)]
    assert journal.entries == ["commit"]
