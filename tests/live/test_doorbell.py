"""The doorbell: rings are coalesced and never wait, nonsense is ignored, what is heard wakes the right log."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from broadcaster import Event

from tests.live.brokers import Broker, brokers
from tests.support.waiting import until
from trailcast.errors import ConfigurationError
from trailcast.ledger.database import driver_url
from trailcast.live.counters import Counters
from trailcast.live.doorbell import CHANNEL, LOGS_PER_RING_MAX, Doorbell
from trailcast.live.listener import Bell, PostgresBackend, make_bells
from trailcast.live.listener.bell import Heard, Lost
from trailcast.live.listener.bell import Line as Connection

__all__ = ["brokers"]

NOTIFY_BYTES_MAX = 7_999
ONE, TWO = UUID(int=1), UUID(int=2)


class Ears:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def heard_log(self, workspace_id: UUID, sequence: int) -> None:
        self.heard.append(("log", workspace_id, sequence))

    def heard_access(self, workspace_id: UUID) -> None:
        self.heard.append(("access", workspace_id))

    def heard_resync(self) -> None:
        self.heard.append(("resync",))


class Line(Bell):
    """A bell in hand: what is published is kept, one at a time and only when let; what others say is put in."""

    owner = "Nobody"

    def __init__(self) -> None:
        super().__init__()
        self.published: list[str] = []
        self.free = asyncio.Event()
        self.free.set()
        self.said: asyncio.Queue[Event] = asyncio.Queue()

    def _line(self, heard: Heard, lost: Lost) -> Connection:  # noqa: ARG002 - as every bell's
        raise AssertionError("whatever would open a connection is overridden here")

    async def connect(self) -> None: ...

    async def disconnect(self) -> None: ...

    async def subscribe(self, channel: str) -> None:
        assert channel == CHANNEL

    async def unsubscribe(self, channel: str) -> None: ...

    async def publish(self, channel: str, message: str) -> None:
        assert channel == CHANNEL
        await self.free.wait()
        self.published.append(message)

    async def next_published(self) -> Event:
        return await self.said.get()

    def say(self, message: str) -> None:
        self.said.put_nowait(Event(CHANNEL, message))


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
async def bell(line: Line, ears: Ears) -> AsyncIterator[Doorbell]:
    bell = Doorbell(line, ears)
    async with bell.connected():
        yield bell


async def test_a_ring_is_heard_here_at_once_and_told_to_the_others(bell: Doorbell, line: Line, ears: Ears) -> None:
    bell.ring({ONE: 7})
    assert ears.heard == [("log", ONE, 7)]
    await until(lambda: line.published == [f"log {ONE} 7"])


async def test_what_is_rung_while_a_ring_is_under_way_goes_with_the_next(bell: Doorbell, line: Line) -> None:
    line.free.clear()
    bell.ring({ONE: 1})
    await until(lambda: not bell._ends)
    for sequence in range(2, 1000):
        bell.ring({ONE: sequence, TWO: sequence // 2})
    line.free.set()
    await until(lambda: len(line.published) == 2)
    assert line.published == [f"log {ONE} 1", f"log {ONE} 999\nlog {TWO} 499"]


async def test_a_later_ring_never_takes_a_log_back(bell: Doorbell, line: Line) -> None:
    line.free.clear()
    bell.ring({ONE: 1})
    await until(lambda: not bell._ends)
    bell.ring({ONE: 9})
    bell.ring({ONE: 8})
    line.free.set()
    await until(lambda: line.published == [f"log {ONE} 1", f"log {ONE} 9"])


async def test_no_ring_is_larger_than_notify_can_carry(bell: Doorbell, line: Line) -> None:
    ends = {uuid4(): 2**63 - 1 for _ in range(2 * LOGS_PER_RING_MAX + 1)}
    bell.ring(ends)
    await until(lambda: len(line.published) == 3)
    assert all(len(message) <= NOTIFY_BYTES_MAX for message in line.published)
    lines = [text for message in line.published for text in message.split("\n")]
    assert sorted(lines) == sorted(f"log {workspace_id} {2**63 - 1}" for workspace_id in ends)


async def test_what_others_say_is_heard(bell: Doorbell, line: Line, ears: Ears) -> None:
    line.say(f"log {ONE} 5\naccess {TWO}")
    line.say("resync")
    await until(lambda: len(ears.heard) == 3)
    assert ears.heard == [("log", ONE, 5), ("access", TWO), ("resync",)]
    assert line.published == []


async def test_other_bells_are_heard_beside_and_never_rung(line: Line, ears: Ears) -> None:
    beside = Line()
    bell = Doorbell(line, ears, beside)
    async with bell.connected():
        beside.say(f"access {TWO}")
        await until(lambda: ears.heard == [("access", TWO)])
        line.say(f"log {ONE} 5")
        await until(lambda: ears.heard[1:] == [("log", ONE, 5)])
        bell.ring({ONE: 7})
        await until(lambda: line.published == [f"log {ONE} 7"])
    assert beside.published == []


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        " ",
        "\n\n",
        "log",
        "log x",
        f"log {ONE}",
        f"log {ONE} many",
        "access",
        "access x",
        "hello",
        "\0",
        "resync!",
        "é" * 4000,
    ],
)
async def test_nonsense_is_ignored(bell: Doorbell, line: Line, ears: Ears, nonsense: str) -> None:
    """Whoever may connect to the database may NOTIFY; the worst that it can do is to wake somebody."""
    line.say(f"{nonsense}\naccess {TWO}")
    line.say(f"log {ONE} 5")
    await until(lambda: len(ears.heard) == 2)
    assert ears.heard == [("access", TWO), ("log", ONE, 5)]


async def test_two_bells_on_one_database_hear_each_other(database_url: str) -> None:
    here, there = Ears(), Ears()
    bells = [Doorbell(PostgresBackend(driver_url(database_url)), ears) for ears in (here, there)]
    async with bells[0].connected(), bells[1].connected():
        bells[0].ring({ONE: 3})
        await until(lambda: ("log", ONE, 3) in there.heard)
        # The one who rang hears its own ring come back, which does no harm.
        await until(lambda: here.heard.count(("log", ONE, 3)) == 2)


async def test_where_another_bell_is_rung_the_one_of_the_database_is_heard_on_one_connection_and_never_rung(
    database_url: str, owner: asyncpg.Connection, brokers: dict[str, Broker]
) -> None:
    await asyncio.to_thread(brokers["nats"].start)
    ears, counters = Ears(), Counters()
    bell, *others = make_bells(brokers["nats"].url, database_url, counters)
    doorbell = Doorbell(bell, ears, *others)
    async with doorbell.connected():
        assert (doorbell.is_listening, doorbell.state) == (True, "ok")
        backends = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1"
        assert await owner.fetchval(backends, "trailcast-doorbell") == 1
        await owner.execute("SELECT pg_notify($1, $2)", CHANNEL, f"access {TWO}")
        await until(lambda: ("access", TWO) in ears.heard)
        doorbell.ring({ONE: 3})
        await until(lambda: ears.heard.count(("log", ONE, 3)) == 2)
    assert counters.rings_heard == 2


async def test_each_bell_that_is_away_is_named(database_url: str) -> None:
    away = "127.0.0.1:9"
    for scheme, name in (("redis", "Redis"), ("rediss", "Redis"), ("nats", "NATS")):
        bell, *others = make_bells(f"{scheme}://{away}", database_url, Counters())
        doorbell = Doorbell(bell, Ears(), *others)
        async with doorbell.connected():
            assert doorbell.state == f"{name}'s is not connected; feeds go by the tick"
    bell, *others = make_bells(f"redis://{away}", f"postgresql://{away}/none", Counters())
    doorbell = Doorbell(bell, Ears(), *others)
    async with doorbell.connected():
        assert doorbell.state == (
            "Redis's is not connected; feeds go by the tick; "
            "PostgreSQL's is not connected; changes of access are seen by the tick"
        )
        assert not doorbell.is_listening


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "postgresql://localhost/trailcast",
        "redis+unix:///tmp/socket",
        "nats://",
        "nats://:4222",
        "nats://secret@localhost:port",
        "redis://:secret@localhost:port",
        "redis://localhost?socket_timeout=secret",
        "redis://localhost?unknown=secret",
        "rediss://[::1?ssl_cert_reqs=secret",
    ],
)
def test_a_url_that_no_bell_understands_is_refused_at_once_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make_bells(url, "postgresql://localhost/trailcast", Counters())
    message = refused.value.message
    assert message.startswith("TRAILCAST_BROADCAST_URL ")
    assert all(scheme in message for scheme in ("redis://", "rediss://", "nats://"))
    assert "secret" not in message
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
