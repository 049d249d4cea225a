"""Reading connections: told only when it is needed, lent in line, never used again after what nobody knows the end of."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import exc, text

from tests.support.waiting import until
from tests.support.world import World
from trailcast.errors import Unavailable
from trailcast.ledger.database import Database
from trailcast.ledger.lanes import STATEMENTS_PREPARED_MAX, About, Plan
from trailcast.settings import Settings

COUNT = "SELECT count(*) FROM events"
TOLD = "SELECT current_setting('trailcast.workspaces', true) AS about, pg_backend_pid() AS pid"


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, pool_size=2, pool_timeout_ms=2000)


@pytest.fixture
async def told(database: Database) -> list[str]:
    """What the connections were told beside what was asked."""
    said: list[str] = []
    lanes = database.lanes

    def note(logged: asyncpg.connection.LoggedQuery) -> None:
        if logged.query.startswith("SET "):
            said.append(logged.query)

    opened = lanes._open

    async def opening():  # type: ignore[no-untyped-def]
        lane = await opened()
        lane.driver.add_query_logger(note)
        return lane

    lanes._open = opening  # type: ignore[method-assign]
    return said


async def count(database: Database, workspace: str) -> int:
    [(found,)] = await database.fetch(UUID(workspace), COUNT, [])
    return int(found)


async def test_a_connection_is_told_once_and_again_for_another_workspace(
    database: Database, world: World, told: list[str]
) -> None:
    acme = [await count(database, world.acme) for _ in range(5)]
    assert (len(set(acme)), len(told)) == (1, 1)
    globex = await count(database, world.globex)  # there is room for a second connection
    assert (globex != acme[0], len(told)) == (True, 2)
    assert [await count(database, workspace) for workspace in (world.acme, world.globex)] == [acme[0], globex]
    assert len(told) == 2
    async with database.reading(None) as connection:  # and for no third: one is told of nothing
        assert (await connection.execute(text(COUNT))).scalar_one() == 0
    assert len(told) == 3
    assert [await count(database, workspace) for workspace in (world.acme, world.globex)] == [acme[0], globex]


async def test_one_connection_shows_each_its_own(settings: Settings, world: World) -> None:
    database = Database(settings.database_url or "", settings.model_copy(update={"pool_size": 1}))
    try:
        alone = {workspace: await count(database, workspace) for workspace in (world.acme, world.globex)}
        mixed = [world.acme, world.globex, world.globex, world.acme] * 25
        assert await asyncio.gather(*(count(database, one) for one in mixed)) == [alone[one] for one in mixed]
        assert len({row["pid"] for one in mixed for row in await database.fetch(UUID(one), TOLD, [])}) == 1
    finally:
        await database.dispose()


async def test_plans_are_part_of_what_a_connection_was_told(database: Database, world: World) -> None:
    mode = "SELECT current_setting('plan_cache_mode') AS mode"
    for plan in (Plan.ONCE, Plan.BY_VALUE, Plan.ONCE):
        [row] = await database.fetch(UUID(world.acme), mode, [], plan)
        assert row["mode"] == plan.value


async def test_who_is_cancelled_in_a_statement_leaves_no_answer_to_the_next(database: Database, world: World) -> None:
    [row] = await database.fetch(UUID(world.acme), TOLD, [])
    asking = asyncio.create_task(database.fetch(UUID(world.acme), "SELECT pg_sleep(600)", []))
    await until(lambda: database.lanes.lent == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert database.lanes.lent == 0
    assert await count(database, world.acme) > 0
    [after] = await database.fetch(UUID(world.acme), TOLD, [])
    assert after["pid"] != row["pid"]


async def test_an_error_of_a_statement_keeps_the_connection(database: Database, world: World) -> None:
    [row] = await database.fetch(UUID(world.acme), TOLD, [])
    with pytest.raises(asyncpg.DivisionByZeroError):
        await database.fetch(UUID(world.acme), "SELECT 1 / 0", [])
    [after] = await database.fetch(UUID(world.acme), TOLD, [])
    assert (after["pid"], after["about"]) == (row["pid"], world.acme)


async def test_who_waits_comes_in_line_and_not_for_ever(settings: Settings, world: World) -> None:
    database = Database(
        settings.database_url or "", settings.model_copy(update={"pool_size": 1, "pool_timeout_ms": 100})
    )
    about = About(world.acme)
    try:
        lane = await database.lanes.take(about)
        with pytest.raises(exc.TimeoutError):
            await database.lanes.take(about)
        with pytest.raises(Unavailable):
            await count(database, world.acme)
        database.lanes._timeout_s = 30
        order: list[int] = []

        async def wait(number: int) -> None:
            async with database.lanes.lend(about):
                order.append(number)

        waiting = [asyncio.create_task(wait(number)) for number in range(4)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        database.lanes.give_back(lane)
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (order, database.lanes.lent) == ([0, 2, 3], 0)
        # Lent to somebody who is cancelled before he hears of it: the next one has it.
        lane = await database.lanes.take(about)
        gone, next_one = asyncio.create_task(wait(4)), asyncio.create_task(wait(5))
        await asyncio.sleep(0)
        database.lanes.give_back(lane)
        gone.cancel()
        await asyncio.gather(gone, next_one, return_exceptions=True)
        assert (order[-1], database.lanes.lent) == (5, 0)
    finally:
        await database.dispose()


async def test_a_connection_that_ended_is_replaced(database: Database, world: World, owner: asyncpg.Connection) -> None:
    [row] = await database.fetch(UUID(world.acme), TOLD, [])
    await owner.execute("SELECT pg_terminate_backend($1)", row["pid"])
    await until(lambda: all(lane.driver.is_closed() for lane in database.lanes._free))
    [after] = await database.fetch(UUID(world.acme), TOLD, [])
    assert after["pid"] != row["pid"]
    assert after["about"] == world.acme


async def test_a_migration_meanwhile_is_no_error(database: Database, owner: asyncpg.Connection, world: World) -> None:
    await owner.execute("CREATE TABLE changing (a int); GRANT SELECT ON changing TO trailcast_reader")
    statement = "SELECT * FROM changing"
    assert await database.fetch(UUID(world.acme), statement, []) == []
    await owner.execute("ALTER TABLE changing ADD b text; INSERT INTO changing VALUES (1, 'b')")
    [row] = await database.fetch(UUID(world.acme), statement, [])
    assert dict(row) == {"a": 1, "b": "b"}


async def test_prepared_statements_are_bounded(database: Database, world: World) -> None:
    for number in range(STATEMENTS_PREPARED_MAX + 20):
        await database.fetch(UUID(world.acme), f"SELECT {number}", [])
    kept = "SELECT count(*) FROM pg_prepared_statements WHERE statement ~ '^SELECT [0-9]+$'"
    [(found,)] = await database.fetch(UUID(world.acme), kept, [])
    assert STATEMENTS_PREPARED_MAX - 5 <= found <= STATEMENTS_PREPARED_MAX + 5
