"""The doorbell: rings are coalesced and never wait, nonsense is ignored, what is heard wakes the right log."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from broadcaster import BroadcastBackend, Event

from tests.support.waiting import until
from trailcast.ledger.database import driver_url
from trailcast.live.doorbell import CHANNEL, LOGS_PER_RING_MAX, Doorbell
from trailcast.live.listener import PostgresBackend

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


class Line(BroadcastBackend):
    """A backend in hand: what is published is kept, one at a time and only when let; what others say is put in."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.free = asyncio.Event()
        self.free.set()
        self.said: asyncio.Queue[Event] = asyncio.Queue()

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
