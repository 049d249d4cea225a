"""Large bodies take turns, in order of arrival and up to so many bytes; small ones pass, and whoever goes away leaves no gap."""

import asyncio
from uuid import UUID

import asyncpg

from tests.support.clients import Client
from tests.support.serving import running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.doors.turns import LARGE_BYTES_MIN, Turns
from trailcast.ledger.database import driver_url
from trailcast.settings import Settings

K = LARGE_BYTES_MIN
LOG = "mutation ($input: LogActivityInput!) { logActivity(input: $input) { event { message } errors { code } } }"


class Line:
    """Bodies that come one after the other, each held until it is told to end."""

    def __init__(self, bytes_max: int) -> None:
        self.turns = Turns(bytes_max)
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, size_bytes: int) -> None:
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._hold(name, size_bytes))
        await asyncio.sleep(0)

    async def end(self, name: str, *, by_cancelling: bool = False) -> None:
        self._ends[name].set()
        if by_cancelling:
            self._tasks[name].cancel()
        await asyncio.wait([self._tasks[name]])
        await asyncio.sleep(0)

    async def _hold(self, name: str, size_bytes: int) -> None:
        async with self.turns.of(size_bytes):
            self.begun.append(name)
            await self._ends[name].wait()


async def test_so_many_bytes_at_once_in_order_of_arrival() -> None:
    line = Line(4 * K)
    for name, size in (("a", 2), ("b", 2), ("c", 1), ("d", 9), ("e", 1), ("f", 1)):
        await line.come(name, size * K)
    await line.come("small", K - 1)
    assert (line.begun, line.turns.waiting) == (["a", "b", "small"], 4)
    await line.end("a")
    assert line.begun == ["a", "b", "small", "c"]  # the larger one is next, and waits until it is alone
    await line.end("b")
    assert line.begun == ["a", "b", "small", "c"]
    await line.end("c")
    assert line.begun == ["a", "b", "small", "c", "d"]
    await line.end("d")
    assert line.begun == ["a", "b", "small", "c", "d", "e", "f"]
    for name in ("e", "f", "small"):
        await line.end(name)
    assert (line.turns._taken_bytes, line.turns.waiting) == (0, 0)


async def test_whoever_goes_away_leaves_its_place_to_the_next() -> None:
    line = Line(2 * K)
    for name, size in (("a", 1), ("large", 2), ("b", 1), ("c", 1)):
        await line.come(name, size * K)
    assert line.begun == ["a"]
    await line.end("large", by_cancelling=True)
    assert line.begun == ["a", "b"]
    for name in ("a", "b", "c"):
        await line.end(name)
    assert line.begun == ["a", "b", "c"]
    assert (line.turns._taken_bytes, line.turns.waiting) == (0, 0)


async def test_a_turn_that_comes_to_somebody_who_has_just_left_goes_to_the_next() -> None:
    turns = Turns(2 * K)
    await turns.take(2 * K)
    first, second = (asyncio.create_task(turns.take(2 * K)) for _ in range(2))
    await asyncio.sleep(0)
    assert turns.waiting == 2
    turns.give_back(2 * K)
    first.cancel()
    await asyncio.wait([first, second])
    assert first.cancelled()
    assert (second.cancelled(), turns.waiting) == (False, 0)
    turns.give_back(2 * K)
    assert turns._taken_bytes == 0


async def test_a_large_request_waits_while_small_ones_are_answered(
    settings: Settings, world: World, database_url: str
) -> None:
    owner = await asyncpg.connect(driver_url(database_url))
    settings = settings.model_copy(update={"large_bodies_bytes_max": 2 * K, "message_bytes_max": 2 * K})
    async with running_server(settings) as server, Client(server.http) as gql:
        turns, token = server.services.turns, world.token("service")

        def log(message: str) -> asyncio.Task[dict[str, object]]:
            given = {"input": {"eventType": "a.b", "message": message}}
            return asyncio.create_task(gql.data(LOG, given, token=token))

        async with owner.transaction():
            await owner.execute("SELECT FROM heads WHERE workspace_id = $1 FOR UPDATE", UUID(world.acme))
            large = [log(letter * (K + 1)) for letter in "xyz"]
            await until(lambda: turns.waiting == 2)
            assert await gql.data("{ viewer { workspace { name } } }", token=token) == {
                "viewer": {"workspace": {"name": "Acme"}}
            }
        answers = await asyncio.gather(*large)
        assert [one["logActivity"] for one in answers] == [
            {"event": {"message": letter * (K + 1)}, "errors": []} for letter in "xyz"
        ]
        assert turns.waiting == 0
    await owner.close()
