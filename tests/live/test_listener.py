"""The doorbells, each over its real server: they survive the death of their connections, say so by a resync, and hold nobody up."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from tests.live.brokers import SECRET, Broker, brokers
from tests.live.proxy import Proxy
from tests.support.waiting import until
from trailcast.ledger.database import driver_url
from trailcast.live.counters import Counters
from trailcast.live.listener import PostgresBackend, bell
from trailcast.live.listener.bell import BACK_OFF_MAX_S, BACK_OFF_MIN_S, RESYNC, Bell
from trailcast.live.listener.nats import NatsBackend
from trailcast.live.listener.redis import RedisBackend

__all__ = ["brokers"]

CHANNEL = "test"
OWNERS = {"postgresql": "PostgreSQL", "redis": "Redis", "nats": "NATS"}
BACKENDS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'trailcast-doorbell'"
Pauser = Callable[[float], Awaitable[None]]


@dataclass
class Station:
    """A server that carries doorbells. `proxy` is a way to it that can fail; `broker` is its process, where it is ours to kill."""

    kind: str
    url: str
    proxy: Proxy
    broker: Broker | None

    @property
    def way(self) -> str:
        """Its URL through the proxy."""
        return driver_url(self.proxy.url) if self.broker is None else self.proxy.url

    @asynccontextmanager
    async def bell(self, url: str | None = None, pause: Pauser = asyncio.sleep) -> AsyncIterator[Bell]:
        """A connected bell that hears the channel: straight to the server, where nothing else is said."""
        bell = self.make(url or self.url, pause)
        await bell.connect()
        await bell.subscribe(CHANNEL)
        try:
            yield bell
        finally:
            await bell.disconnect()

    def make(self, url: str, pause: Pauser = asyncio.sleep) -> Bell:
        if self.kind == "postgresql":
            return PostgresBackend(url, Counters(), pause=pause)
        return (RedisBackend if self.kind == "redis" else NatsBackend)(url, Counters(), pause=pause)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """The server is killed and started again; where others need it too, the way to it is closed."""
        if self.broker is not None:
            self.broker.kill()
            try:
                yield
            finally:
                await asyncio.to_thread(self.broker.start)
        else:
            await self.proxy.refuse()
            yield
            self.proxy.accept()


@pytest.fixture(params=list(OWNERS))
async def station(
    request: pytest.FixtureRequest, database_url: str, brokers: dict[str, Broker]
) -> AsyncIterator[Station]:
    kind: str = request.param
    broker = brokers.get(kind)
    if broker is not None:
        await asyncio.to_thread(broker.start)
    async with Proxy(database_url if broker is None else broker.url) as proxy:
        yield Station(kind, driver_url(database_url) if broker is None else broker.url, proxy, broker)


@pytest.fixture(params=["redis", "nats"])
async def broker(request: pytest.FixtureRequest, brokers: dict[str, Broker]) -> Broker:
    broker = brokers[request.param]
    await asyncio.to_thread(broker.start)
    return broker


def to(broker: Broker) -> Station:
    return Station(broker.url.partition(":")[0], broker.url, Proxy(broker.url), broker)


async def heard(bell: Bell) -> str:
    """The next message."""
    async with asyncio.timeout(15):
        event = await bell.next_published()
    assert event.channel == CHANNEL
    return event.message


async def ring(bell: Bell, message: str) -> None:
    async with asyncio.timeout(15):
        await bell.publish(CHANNEL, message)


def assert_growing(pauses: list[float]) -> None:
    """Twice as long each time, up to a bound, and half of it by chance."""
    bases = [min(BACK_OFF_MIN_S * 2**number, BACK_OFF_MAX_S) for number in range(len(pauses))]
    assert all(0.5 * base <= pause < 1.5 * base for pause, base in zip(pauses, bases, strict=True)), pauses


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What was logged for operators."""
    records = [record for record in caplog.records if record.levelno >= logging.INFO]
    return [(record.levelname, record.getMessage()) for record in records]


async def test_what_is_published_is_heard_in_order_here_and_elsewhere(station: Station) -> None:
    async with station.bell() as here, station.bell() as there:
        assert here.is_listening
        messages = [str(number) for number in range(50)]
        for message in messages:
            await ring(here, message)
        assert [await heard(here) for _ in messages] == messages
        assert [await heard(there) for _ in messages] == messages
        assert there._counters.rings_heard == 50


async def test_many_may_publish_at_once(station: Station) -> None:
    async with station.bell() as here, station.bell() as there:
        messages = [str(number) for number in range(20)]
        await asyncio.gather(*(ring(here, message) for message in messages))
        assert sorted([await heard(there) for _ in messages], key=int) == messages


async def test_a_message_as_large_as_notify_carries_is_heard_whole(station: Station) -> None:
    async with station.bell() as one:
        await ring(one, "é" * 3999)
        assert await heard(one) == "é" * 3999


async def test_a_channel_that_was_left_is_not_heard(station: Station) -> None:
    async with station.bell() as one:
        await one.subscribe("other")
        await one.unsubscribe("other")
        await one.publish("other", "unheard")
        await ring(one, "heard")
        assert await heard(one) == "heard"


async def test_after_the_death_of_its_connection_it_listens_anew_and_says_resync(station: Station) -> None:
    async with station.bell(station.way) as one:
        for death in range(1, 4):
            assert station.proxy.connections == 2  # one hears, one rings
            await station.proxy.cut()
            assert await heard(one) == RESYNC
            assert one._counters.bell_losses == death
            assert one.is_listening
            await ring(one, f"after {death}")
            assert await heard(one) == f"after {death}"


async def test_while_the_server_is_away_rings_return_and_once_it_is_back_all_goes_on(
    station: Station, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "RING_TIMEOUT_S", 0.1)
    caplog.set_level(logging.INFO)
    async with station.bell(station.way if station.broker is None else station.url) as one:
        await ring(one, "before")
        assert await heard(one) == "before"
        async with station.away():
            await until(lambda: not one.is_listening)
            assert one.state == f"{OWNERS[station.kind]}'s is not connected; feeds go by the tick"
            await asyncio.gather(*(ring(one, "lost: the tick covers it") for _ in range(20)))
        assert await heard(one) == RESYNC
        assert one.state == "ok"
        await ring(one, "after")
        assert await heard(one) == "after"
        assert one._counters.bell_losses == 1
    # However many attempts and rings there were.
    [(level, lost), back] = lines(caplog)
    assert (level, lost.split(" (")[0]) == ("WARNING", f"{OWNERS[station.kind]}'s doorbell is not connected")
    assert back == ("INFO", f"{OWNERS[station.kind]}'s doorbell is connected again")


async def test_a_ring_that_finds_its_connection_dead_goes_out_on_the_next(station: Station) -> None:
    async with station.bell() as other, station.bell(station.way) as one:
        await ring(one, "before")
        await station.proxy.cut()
        await ring(one, "after")
        assert [await heard(other), await heard(other)] == ["before", "after"]


async def test_a_ring_on_a_connection_that_swallows_it_goes_out_on_the_next(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "ANSWER_TIMEOUT_S", 0.2)
    async with station.bell() as other, station.bell(station.way) as one:
        station.proxy.swallow()
        await ring(one, "swallowed, and said again")
        assert await heard(other) == "swallowed, and said again"


async def test_a_server_that_is_away_at_the_start_does_not_keep_ours_from_starting(station: Station) -> None:
    await station.proxy.refuse()
    async with asyncio.timeout(15), station.bell(station.way) as one:
        assert one.state != "ok"
        station.proxy.accept()
        assert await heard(one) == RESYNC
        assert one.state == "ok"
        assert one._counters.bell_losses == 0


async def test_a_connection_that_is_dead_and_does_not_say_so_is_found_by_the_heartbeat(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall that forgot the connection: packets vanish, and no end of it is ever seen."""
    monkeypatch.setattr(bell, "HEARTBEAT_S", 0.1)
    async with station.bell(station.way) as one:
        station.proxy.swallow()
        await until(lambda: not one.is_listening)
        assert await heard(one) == RESYNC
        assert one._counters.bell_losses == 1


async def test_heartbeats_that_are_answered_change_nothing(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "HEARTBEAT_S", 0.2)
    async with station.bell() as one:
        session = one._session
        assert session is not None
        checked = 0
        check = session.listener.check

        async def counted() -> None:
            nonlocal checked
            await check()
            checked += 1

        monkeypatch.setattr(session.listener, "check", counted)
        await until(lambda: checked >= 3)
        assert one._session is session
        await ring(one, "still here")
        assert await heard(one) == "still here"


async def test_a_burst_that_nobody_takes_is_replaced_by_one_resync(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "RINGS_QUEUED_MAX", 10)
    async with station.bell() as other, station.bell() as one:
        await asyncio.gather(*(ring(other, str(number)) for number in range(11)))
        await until(lambda: one._counters.rings_heard == 11)
        await ring(other, "later")
        assert [await heard(one), await heard(one)] == [RESYNC, "later"]


async def test_after_disconnecting_no_connection_and_no_task_is_left(station: Station) -> None:
    tasks = asyncio.all_tasks()
    async with station.bell(station.way) as one:
        await ring(one, "x")
        assert station.proxy.connections == 2
    await until(lambda: station.proxy.connections == 0)
    await until(lambda: asyncio.all_tasks() == tasks)


@pytest.mark.parametrize("says", [b"", b"no\r\n"], ids=["nothing", "nonsense"])
async def test_whatever_is_rung_attempts_to_connect_are_as_many_as_pauses_which_grow(
    station: Station, says: bytes
) -> None:
    """A server that lets nobody in is asked once, then after each pause: counted by itself, over so many rounds."""
    rounds = 12
    attempts = 0
    pauses: list[float] = []
    over = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.write(says)
        writer.close()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == rounds:
            over.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        plain = "?sslmode=disable" if station.kind == "postgresql" else ""
        async with station.bell(f"{station.kind}://127.0.0.1:{port}{plain}", pause) as one:
            rings = [asyncio.create_task(ring(one, "unheard")) for _ in range(50)]
            await asyncio.wait_for(over.wait(), 15)
            for task in rings:
                task.cancel()
    assert attempts == rounds
    assert_growing(pauses)


async def test_who_may_hear_and_not_ring_asks_again_after_pauses_that_grow_and_is_told_of_once(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    async with to(broker).bell(broker.url_of("mute"), pause) as one:
        task = asyncio.create_task(ring(one, "refused"))
        await until(lambda: len(pauses) >= 4)
        task.cancel()
    assert_growing(pauses[:4])
    assert [level for level, _ in lines(caplog)] == ["WARNING"]
    assert SECRET not in caplog.text


@pytest.mark.parametrize("user", ["deaf", "stranger"])
async def test_who_may_not_hear_or_come_in_is_not_taken_for_listening_and_no_line_tells_its_password(
    broker: Broker, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    one = to(broker).make(broker.url_of(user))
    one._channels.add(CHANNEL)
    await one.connect()
    try:
        assert (one.is_listening, one._counters.bell_losses) == (False, 0)
    finally:
        await one.disconnect()
    [(level, line)] = lines(caplog)
    assert level == "WARNING"
    assert ("(Auth" in line) is (user == "stranger")
    assert SECRET not in caplog.text


async def test_who_has_the_rights_that_operators_are_told_of_hears_and_rings(broker: Broker) -> None:
    async with to(broker).bell(broker.url_of("least")) as one:
        await ring(one, "heard")
        assert await heard(one) == "heard"


async def test_options_in_the_url_of_redis_cannot_undo_what_hearing_depends_on(brokers: dict[str, Broker]) -> None:
    broker = brokers["redis"]
    await asyncio.to_thread(broker.start)
    url = f"{broker.url}/1?protocol=3&socket_timeout=0.01&health_check_interval=1&decode_responses=no"
    async with to(broker).bell(url) as one:
        for message in ("heard", "still"):
            await until(lambda: one.state == "ok")
            await ring(one, message)
            assert await heard(one) == message
        assert one._counters.bell_losses == 0


async def test_killed_backends_of_postgresql_are_replaced_and_their_rings_go_out(
    database_url: str, owner: asyncpg.Connection
) -> None:
    async def connections() -> int:
        found: int = await owner.fetchval(f"SELECT count(*) {BACKENDS}")
        return found

    one = PostgresBackend(driver_url(database_url))
    other = await asyncpg.connect(driver_url(database_url))
    messages: list[str] = []
    await other.add_listener(CHANNEL, lambda *words: messages.append(words[3]))
    await one.connect()
    await one.subscribe(CHANNEL)
    try:
        for death in range(1, 4):
            assert await connections() == 2
            assert len(await owner.fetch(f"SELECT pg_terminate_backend(pid) {BACKENDS}")) == 2
            await ring(one, f"after {death}")
            assert RESYNC in {await heard(one), await heard(one)}
        await until(lambda: messages == ["after 1", "after 2", "after 3"])
    finally:
        await one.disconnect()
        await other.close()

    async def gone() -> bool:
        return await connections() == 0

    await until(gone)
