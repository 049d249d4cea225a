"""Several server processes on one database: what is logged through one reaches the readers of the others, whichever of them dies."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg

from tests.acceptance.acme import Acme, Received, take
from tests.acceptance.conftest import Serve
from tests.acceptance.processes import ServerProcess
from tests.ledger.drafts import last_sequence
from tests.support.clients import Client
from tests.support.postgres import TEST_PARAMETERS
from tests.support.waiting import until
from tests.support.world import build_world
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.database import driver_url
from trailcast.ledger.migrating import migrate

SELDOM = {"TRAILCAST_TICK_MS": "60000"}  # a tick that no test lives to see, so that it is the bell that is heard
LOG_BY_KEY = """
mutation ($key: String!) {
  logActivity(input: {eventType: "a.said", message: $key, idempotencyKey: $key}) { replayed errors { code } }
}
"""


async def test_what_is_logged_through_one_process_reaches_the_readers_of_all(serve: Serve, acme: Acme) -> None:
    one, two = await serve(**SELDOM), await serve(**SELDOM)
    sent = acme.messages(20)
    received: list[Received] = [[], []]
    async with acme.reading(one) as at_one, acme.reading(two) as at_two:
        # Each is waited for, so all but the first can only have come by the bell.
        for number, message in enumerate(sent):
            await acme.say((one, two)[number % 2], message)
            received[0] += await take(at_one, 1)
            received[1] += await take(at_two, 1)
    assert received == [acme.expected(sent)] * 2


async def test_readers_of_a_killed_process_go_on_at_another_without_loss(serve: Serve, acme: Acme) -> None:
    readers, turns = 8, 2
    servers = [await serve(**SELDOM), await serve(**SELDOM)]
    said: list[str] = []
    received: list[Received] = [[] for _ in range(readers)]
    for turn in range(turns):
        dying, other = servers[turn % 2], servers[(turn + 1) % 2]
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(acme.reading(dying, len(seen))) for seen in received]
            # The readers are cut off at different places in the middle of what they are sent.
            sent = acme.messages(20)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(acme.say(other, *sent))
                for number, socket in enumerate(sockets):
                    received[number] += await take(socket, len(said) + 5 + number - len(received[number]))
                await dying.kill()
        said += sent
        await dying.start()
    for seen in received:
        async with acme.reading(servers[0], len(seen)) as socket:
            seen.extend(await take(socket, len(said) - len(seen)))
    assert received == [acme.expected(said)] * readers


async def test_a_retry_after_a_kill_writes_once(serve: Serve, acme: Acme, owner: asyncpg.Connection) -> None:
    """The server dies in the middle of calls: whether they were written or not, the same calls at another process make them once."""
    calls = 40
    token = acme.world.token("bot")
    one, two = await serve(), await serve()

    async def some_are_written() -> bool:
        return await last_sequence(owner, acme.world.acme) > acme.end

    async with Client(one.http) as dying, Client(two.http) as living:
        answers = asyncio.gather(
            *(dying(LOG_BY_KEY, {"key": str(number)}, token=token) for number in range(calls)), return_exceptions=True
        )
        await until(some_are_written)
        await one.kill()
        await answers
        again = [await living.data(LOG_BY_KEY, {"key": str(number)}, token=token) for number in range(calls)]
    assert [answer["logActivity"]["errors"] for answer in again] == [[]] * calls
    assert await last_sequence(owner, acme.world.acme) == acme.end + calls


async def test_a_stop_that_was_asked_for_is_a_success_and_tells_the_readers(serve: Serve, acme: Acme) -> None:
    server = await serve()
    async with acme.reading(server) as socket:
        assert await server.stop() == 0
        await socket.connection.wait_closed()
    assert socket.connection.close_code in {1001, 1012}


async def test_readers_live_through_a_restart_of_the_database(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path, parameters=TEST_PARAMETERS)
    postgres.start()
    try:
        url = postgres.url()
        await migrate(url)
        world = await build_world(url)
        connection = await asyncpg.connect(driver_url(url))
        acme = Acme(world, await last_sequence(connection, world.acme))
        await connection.close()
        server = ServerProcess(url)
        await server.start()
        try:
            received, said = await _read_through_restarts(postgres, server, acme)
        finally:
            await server.kill()
    finally:
        postgres.stop()
    assert received == acme.expected(said)


async def _read_through_restarts(
    postgres: EmbeddedPostgres, server: ServerProcess, acme: Acme
) -> tuple[Received, list[str]]:
    received: Received = []
    said: list[str] = []
    async with asyncio.timeout(60), Client(server.http) as client, acme.reading(server) as socket:
        for _ in range(2):
            for message in acme.messages(3):
                # Until it is acknowledged: right after a restart the server's connections are dead, and it says UNAVAILABLE.
                while "errors" in await client(LOG_BY_KEY, {"key": message}, token=acme.world.token("service")):
                    continue
                said.append(message)
                received += await take(socket, 1)
            await asyncio.to_thread(postgres.stop)
            await asyncio.to_thread(postgres.start)
    return received, said
