"""A reader that does not read: its queue is bounded in items and bytes, it falls back to the log, and it misses nothing."""

from collections.abc import AsyncIterator

import pytest

from tests.live.parts import NEVER_MS, Live, Log
from tests.support.waiting import until
from trailcast.live.subscription import Subscription
from trailcast.records import EventFilter, Outcome
from trailcast.settings import Settings

ITEMS_MAX = 8
BYTES_MAX = 16_384
PAGE_SIZE = 5


@pytest.fixture
async def live(database_url: str) -> AsyncIterator[Live]:
    settings = Settings(
        database_url=database_url,
        tick_ms=NEVER_MS,
        feed_page_size=PAGE_SIZE,
        feed_items_max=ITEMS_MAX,
        feed_bytes_max=BYTES_MAX,
    )
    live = Live(database_url, settings)
    yield live
    await live.close()


def member(log: Log) -> Subscription:
    """The one subscription of the log."""
    assert log.follower is not None
    [found] = log.follower.members
    assert isinstance(found, Subscription)
    return found


async def test_a_queue_holds_as_many_items_as_the_bound_and_one_more_empties_it(live: Live, log: Log) -> None:
    async with live.follow(log) as reader:
        await log.write_and_ring()
        assert await reader.take(1) == [1]
        await log.write_and_ring(ITEMS_MAX)
        assert (len(member(log)._queue), member(log).behind) == (ITEMS_MAX, False)
        await log.write_and_ring()
        assert (len(member(log)._queue), member(log)._queued_bytes, member(log).behind) == (0, 0, True)
        before = live.of_feed.readings
        assert await reader.take_to(log.end) == list(range(2, log.end + 1))
        assert live.of_feed.readings == before + 2  # the log was read, in pages


async def test_a_queue_holds_no_more_bytes_than_the_bound(live: Live, log: Log) -> None:
    async with live.follow(log) as reader:
        await log.write_and_ring()
        assert await reader.take(1) == [1]
        await log.write(2, "x" * 7_000)
        await log.ring()
        assert (len(member(log)._queue), member(log).behind) == (2, False)
        assert 14_000 < member(log)._queued_bytes <= BYTES_MAX
        await log.write(1, "y" * 7_000)
        await log.ring()
        assert (len(member(log)._queue), member(log)._queued_bytes, member(log).behind) == (0, 0, True)
        assert await reader.take_to(4) == [2, 3, 4]


async def test_an_event_larger_than_the_whole_bound_still_arrives(live: Live, log: Log) -> None:
    async with live.follow(log) as reader:
        for _ in range(3):
            await log.write(1, "z" * (BYTES_MAX + 1))
            await log.ring()
        await log.write_and_ring()
        assert await reader.take_to(4) == [1, 2, 3, 4]


async def test_a_reader_that_falls_behind_again_while_it_catches_up_misses_nothing(live: Live, log: Log) -> None:
    async with live.follow(log) as reader:
        received: list[int] = []
        for taken in (0, 1, PAGE_SIZE, ITEMS_MAX + 3, 2, 30):
            await log.write_and_ring(3 * ITEMS_MAX)
            received += await reader.take(taken)
        await log.write_and_ring()
        received += await reader.take_to(log.end)
    assert received == list(range(1, log.end + 1))


async def test_events_committed_while_the_log_is_read_again_arrive_once(live: Live, log: Log) -> None:
    async with live.follow(log) as reader:
        received = []
        await log.write_and_ring()
        received += await reader.take(1)
        for place in ("before", "after"):
            await log.write_and_ring(2 * ITEMS_MAX)
            live.at(live.of_feed, place, 1, lambda: log.write_and_ring(2 * ITEMS_MAX))
            live.at(live.of_feed, place, 3, lambda: log.write(3))
            received += await reader.take_to(log.end)
        await log.write_and_ring()
        received += await reader.take_to(log.end)
    assert received == list(range(1, log.end + 1))


async def test_a_slow_reader_costs_the_others_nothing(live: Live, log: Log) -> None:
    async with live.follow(log) as slow, live.follow(log) as quick:
        await log.write_and_ring()
        assert await quick.take(1) == [1]
        before = live.of_feed.readings
        for _ in range(5 * ITEMS_MAX):
            await log.write_and_ring()
            assert await quick.take(1) == [log.end]
        assert live.of_feed.readings == before  # the quick one was never sent to the log
        assert await slow.take_to(log.end) == list(range(1, log.end + 1))


async def test_what_a_reader_does_not_want_fills_no_queue(live: Live, log: Log) -> None:
    async with live.follow(log, EventFilter(outcome=(Outcome.DENIED,))) as reader:
        await log.write(1, "wanted", outcome=Outcome.DENIED)
        await log.ring()
        assert await reader.take(1) == [1]
        await log.write_and_ring(10 * ITEMS_MAX)
        assert (len(member(log)._queue), member(log).behind) == (0, False)
        await log.write(1, "wanted", outcome=Outcome.DENIED)
        await log.ring()
        assert await reader.take(1) == [log.end]


async def test_a_filtered_reader_that_fell_behind_reads_only_what_it_wants(live: Live, log: Log) -> None:
    async with live.follow(log, EventFilter(outcome=(Outcome.DENIED,))) as reader:
        wanted = []
        for number in range(60):
            denied = number % 3 == 0
            await log.write(1, outcome=Outcome.DENIED if denied else Outcome.SUCCESS)
            wanted += [log.end] if denied else []
        await log.ring()
        await until(lambda: member(log).behind)
        assert await reader.take(len(wanted)) == wanted
