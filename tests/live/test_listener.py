"""The doorbell over NOTIFY: it survives the death of its connections, says so by a resync, and never holds anybody up."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from broadcaster import Event

from tests.live.proxy import Proxy
from tests.support.waiting import until
from trailcast.ledger.database import driver_url
from trailcast.live import listener
from trailcast.live.listener import RESYNC, RINGS_QUEUED_MAX, PostgresBackend

CHANNEL = "test"
BACKENDS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'trailcast-doorbell'"


@pytest.fixture
async def backend(database_url: str) -> AsyncIterator[PostgresBackend]:
    backend = PostgresBackend(driver_url(database_url))
    await backend.connect()
    yield backend
    await backend.disconnect()


async def heard(backend: PostgresBackend) -> str:
    """The next message."""
    async with asyncio.timeout(15):
        event = await backend.next_published()
    assert event.channel == CHANNEL
    return event.message


async def kill(owner: asyncpg.Connection) -> int:
    """End the connections of doorbells; how many there were."""
    return len(await owner.fetch(f"SELECT pg_terminate_backend(pid) {BACKENDS}"))


async def connections(owner: asyncpg.Connection) -> int:
    found: int = await owner.fetchval(f"SELECT count(*) {BACKENDS}")
    return found


async def test_what_is_published_is_heard_in_order(backend: PostgresBackend) -> None:
    assert backend.is_listening
    await backend.subscribe(CHANNEL)
    for number in range(50):
        await backend.publish(CHANNEL, str(number))
    assert [await heard(backend) for _ in range(50)] == [str(number) for number in range(50)]


async def test_many_may_publish_at_once(backend: PostgresBackend, owner: asyncpg.Connection) -> None:
    await backend.subscribe(CHANNEL)
    await asyncio.gather(*(backend.publish(CHANNEL, str(number)) for number in range(100)))
    assert sorted([await heard(backend) for _ in range(100)], key=int) == [str(number) for number in range(100)]
    assert await connections(owner) == 2  # one listens, one publishes


async def test_a_channel_that_was_left_is_not_heard(backend: PostgresBackend) -> None:
    for channel in (CHANNEL, "other"):
        await backend.subscribe(channel)
    await backend.unsubscribe("other")
    await backend.publish("other", "unheard")
    await backend.publish(CHANNEL, "heard")
    assert await heard(backend) == "heard"


async def test_after_the_death_of_its_connection_it_listens_anew_and_says_resync(
    backend: PostgresBackend, owner: asyncpg.Connection
) -> None:
    await backend.subscribe(CHANNEL)
    for death in range(1, 4):
        await until(lambda: backend.is_listening)
        await kill(owner)
        assert await heard(backend) == RESYNC
        assert backend.reconnects == death
        assert backend.is_listening
        await backend.publish(CHANNEL, f"after {death}")
        assert await heard(backend) == f"after {death}"


async def test_what_is_published_on_a_dead_connection_is_sent_on_a_new_one(
    backend: PostgresBackend, owner: asyncpg.Connection, database_url: str
) -> None:
    other = await asyncpg.connect(driver_url(database_url))
    messages: list[str] = []
    await other.add_listener(CHANNEL, lambda *words: messages.append(words[3]))
    await backend.publish(CHANNEL, "before")
    assert await kill(owner) == 2
    await backend.publish(CHANNEL, "after")
    await until(lambda: messages == ["before", "after"])
    await other.close()


async def test_while_the_database_is_away_publishing_returns_and_nothing_is_raised(database_url: str) -> None:
    async with Proxy(database_url) as proxy:
        backend = PostgresBackend(driver_url(proxy.url))
        await backend.connect()
        await backend.subscribe(CHANNEL)
        try:
            await proxy.refuse()
            await until(lambda: not backend.is_listening)
            async with asyncio.timeout(15):
                await backend.publish(CHANNEL, "lost: the tick covers it")
            proxy.accept()
            assert await heard(backend) == RESYNC
            await backend.publish(CHANNEL, "again")
            assert await heard(backend) == "again"
        finally:
            await backend.disconnect()


async def test_a_database_that_is_away_at_the_start_does_not_keep_the_server_from_starting(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "CONNECT_TIMEOUT_S", 0.2)
    async with Proxy(database_url) as proxy:
        await proxy.refuse()
        backend = PostgresBackend(driver_url(proxy.url))
        async with asyncio.timeout(15):
            await backend.connect()
        try:
            assert not backend.is_listening
            await backend.subscribe(CHANNEL)
            monkeypatch.undo()
            proxy.accept()
            assert await heard(backend) == RESYNC
            assert backend.is_listening
        finally:
            await backend.disconnect()


async def test_a_connection_that_is_dead_and_does_not_say_so_is_found_by_the_heartbeat(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall that forgot the connection: packets vanish, and no end of it is ever seen."""
    monkeypatch.setattr(listener, "HEARTBEAT_S", 0.1)
    async with Proxy(database_url) as proxy:
        backend = PostgresBackend(driver_url(proxy.url))
        await backend.connect()
        await backend.subscribe(CHANNEL)
        try:
            proxy.swallow()
            await until(lambda: not backend.is_listening)
            proxy.accept()
            assert await heard(backend) == RESYNC
        finally:
            await backend.disconnect()


async def test_a_queue_that_overflows_is_replaced_by_one_resync(backend: PostgresBackend) -> None:
    for number in range(RINGS_QUEUED_MAX):
        backend._put(Event(CHANNEL, str(number)))
    assert backend._rings.qsize() == RINGS_QUEUED_MAX
    backend._put(Event(CHANNEL, "one too many"))
    assert await heard(backend) == RESYNC
    backend._put(Event(CHANNEL, "later"))
    assert await heard(backend) == "later"


async def test_after_disconnecting_no_connection_and_no_task_is_left(
    database_url: str, owner: asyncpg.Connection
) -> None:
    backend = PostgresBackend(driver_url(database_url))
    await backend.connect()
    await backend.publish(CHANNEL, "x")
    assert await connections(owner) == 2
    await backend.disconnect()

    async def gone() -> bool:
        return await connections(owner) == 0

    await until(gone)
    assert "trailcast-doorbell" not in {task.get_name() for task in asyncio.all_tasks()}
