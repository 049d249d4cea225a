"""The seam between the log and the live feed: whatever is committed at whichever moment of joining arrives once, in order.

Every place at which a joining reader waits for something is a place where others may commit; `PLACES` are all of them. At
each, events are committed, and the hub has either read them before the reader goes on or reads them only later.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.live.parts import Live, Log, Reader, Step
from tests.support.waiting import until
from trailcast.records import EventFilter

BEFORE = 7  # events in the log when the reader joins: three pages of three
BURST = 4  # events committed at the place: more than a page
# The first reading of a feed is that of its caller's rights, with the head of the log; the others are pages of the replay.
PLACES = [(place, number) for number in (1, 2, 3, 4) for place in ("before", "after")]
HUB_PLACES = [("before", 1), ("after", 1)]


def commit(log: Log, *, heard: bool) -> Step:
    """What is done at a place: a burst of commits that the hub has read when the reader goes on, or has not."""
    return (lambda: log.write_and_ring(BURST)) if heard else (lambda: log.write(BURST))


async def test_the_places_are_all_there_are(live: Live, log: Log) -> None:
    await log.write(BEFORE)
    before = live.of_feed.readings
    async with live.follow(log, after=0) as reader:
        assert await reader.take(BEFORE) == list(range(1, BEFORE + 1))
        assert live.of_feed.readings == before + len(PLACES) // 2
        assert live.of_hub.readings == len(HUB_PLACES) // 2


async def rest(reader: Reader, log: Log) -> list[int]:
    """All that comes up to one more event; twice, because the place may be reached only now."""
    received: list[int] = []
    for _ in range(2):
        await log.write_and_ring()
        received += await reader.take_to(log.end)
    return received


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("after", [0, 2, BEFORE])
async def test_after_a_cursor_nothing_is_missed_and_nothing_repeated(live: Live, after: int, heard: bool) -> None:
    for place, number in PLACES:
        log = await live.log()
        await log.write(BEFORE)
        live.at(live.of_feed, place, number, commit(log, heard=heard))
        async with live.follow(log, after=after) as reader:
            received = await reader.take(BEFORE - after) + await rest(reader, log)
        assert received == list(range(after + 1, log.end + 1)), (place, number)
        live.of_feed.steps.clear()


@pytest.mark.parametrize(("place", "number"), HUB_PLACES)
async def test_what_is_committed_while_the_hub_looks_for_the_end_of_the_log_comes_too(
    live: Live, log: Log, place: str, number: int
) -> None:
    await log.write(BEFORE)
    live.at(live.of_hub, place, number, commit(log, heard=False))
    async with live.follow(log, after=2) as reader:
        assert await rest(reader, log) == list(range(3, log.end + 1))


@pytest.mark.parametrize("heard", [True, False])
async def test_from_now_on_begins_with_what_is_committed_after_the_head_was_read(live: Live, heard: bool) -> None:
    expected = {("before", 1): BEFORE + BURST, ("after", 1): BEFORE}
    for (place, number), head in expected.items():
        log = await live.log()
        await log.write(BEFORE)
        live.at(live.of_feed, place, number, commit(log, heard=heard))
        async with live.follow(log) as reader:
            await log.write_and_ring()
            assert await reader.take_to(log.end) == list(range(head + 1, log.end + 1)), (place, number)


@pytest.mark.parametrize("heard", [True, False])
async def test_since_a_time_nothing_from_it_on_is_missed_and_nothing_repeated(live: Live, heard: bool) -> None:
    for place, number in PLACES:
        log = await live.log()
        await log.write(2)
        middle = datetime.now(UTC)
        await log.write(BEFORE - 2)
        live.at(live.of_feed, place, number, commit(log, heard=heard))
        async with live.follow(log, since=middle) as reader:
            assert await rest(reader, log) == list(range(3, log.end + 1)), (place, number)
        live.of_feed.steps.clear()


@pytest.mark.parametrize("heard", [True, False])
async def test_what_is_committed_while_the_reader_reads_comes_after_it(live: Live, heard: bool) -> None:
    for taken in range(1, BEFORE + 1):
        log = await live.log()
        await log.write(BEFORE)
        async with live.follow(log, after=0) as reader:
            received = await reader.take(taken)
            await log.write(BURST)
            if heard:
                await log.ring()
            received += await reader.take(BEFORE - taken)
            await log.write_and_ring()
            received += await reader.take_to(log.end)
        assert received == list(range(1, log.end + 1)), taken


@asynccontextmanager
async def hub_in_the_middle(live: Live, log: Log) -> AsyncIterator[None]:
    """While the block runs, the hub has read what was committed and has told nobody yet."""
    held, release = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        held.set()
        await release.wait()

    live.at(live.of_hub, "after", 1, hold)
    live.hub.heard_log(log.workspace_id, log.end)
    await held.wait()
    yield
    release.set()


async def test_a_hub_that_was_reading_while_somebody_joined_repeats_nothing_to_it(live: Live, log: Log) -> None:
    """The batch was in the hub's hands when the reader joined, and the reader's cursor lies within it."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(live.follow(log, after=0))
        await log.write(3)
        async with hub_in_the_middle(live, log):
            second = await stack.enter_async_context(live.follow(log, after=2))
            third = await stack.enter_async_context(live.follow(log))
            for reader in (second, third):
                await reader.begin(log)
        await log.write_and_ring()
        assert await first.take_to(4) == [1, 2, 3, 4]
        assert await second.take_to(4) == [3, 4]
        assert await third.take_to(4) == [4]


async def test_a_text_that_nobody_had_looked_for_is_found_in_a_batch_that_was_being_read(live: Live, log: Log) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(live.follow(log))
        await log.write(1, "an invoice")
        await log.write(1, "a receipt")
        async with hub_in_the_middle(live, log):
            second = await stack.enter_async_context(live.follow(log, EventFilter(text="INVOICE"), after=0))
            await second.begin(log)
        await log.write(1, "another Invoice")
        await log.ring()
        assert await second.take_to(3) == [1, 3]
        assert await first.take_to(3) == [1, 2, 3]


async def test_several_first_subscribers_share_one_follower_and_miss_nothing(live: Live, log: Log) -> None:
    count = 10
    await log.write(BEFORE)
    live.at(live.of_hub, "before", 1, lambda: log.write(1))
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        joining = (stack.enter_async_context(live.follow(log, after=0)) for _ in range(count))
        readers = await asyncio.gather(*joining)
        assert live.of_hub.readings == 1
        assert log.follower is not None
        assert len(log.follower.members) == count
        await log.write_and_ring()
        for reader in readers:
            assert await reader.take_to(log.end) == list(range(1, log.end + 1))
    assert log.follower is None


async def test_readers_that_come_at_any_moment_see_all_that_follows_their_cursor(live: Live, log: Log) -> None:
    """No place is chosen here: chance chooses. 200 events, 20 readers, the hub woken now and then and once at the end."""
    chance = random.Random(7)
    events, readers = 200, 20

    async def write() -> None:
        while log.end < events:
            await log.write(chance.randint(1, 4))
            if chance.random() < 0.7:
                live.hub.heard_log(log.workspace_id, log.end)
        await log.write(1, "last")
        await log.ring()

    async def read(number: int) -> None:
        await until(lambda: log.end >= number * events // readers)
        after = chance.randint(0, log.end)
        async with live.follow(log, after=after) as reader:
            received: list[int] = []
            while True:
                event = await reader.next()
                received.append(event.sequence)
                if event.message == "last":
                    break
        assert received == list(range(after + 1, received[-1] + 1))
        assert received[-1] == log.end

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        for number in range(readers):
            tasks.create_task(read(number))
        tasks.create_task(write())


async def test_a_time_that_is_yet_to_come_holds_back_what_comes_before_it(
    live: Live, log: Log, owner: asyncpg.Connection
) -> None:
    await log.write(BEFORE)
    now = datetime.now(UTC)
    async with live.follow(log, since=now + timedelta(minutes=30)) as reader:
        await log.write_and_ring(3)
        # The log's own clock jumps ahead: the next event is of an hour from now.
        await owner.execute(
            "UPDATE heads SET last_created_at = $1 WHERE workspace_id = $2", now + timedelta(hours=1), log.workspace_id
        )
        await log.write_and_ring(2)
        assert await reader.take_to(log.end) == [log.end - 1, log.end]
