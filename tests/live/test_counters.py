"""What a process counts of its live feed, to the last one, over a story in which each thing happens a known number of times."""

from contextlib import closing
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from resolvers.context import Caller
from tests.doors.test_event_streams import streaming
from tests.ledger.drafts import last_sequence
from tests.live.parts import NEVER_MS
from tests.live.sockets import FOLLOW, cursor, followers, until_sent, until_waiting, write
from tests.support.clients import Client, open_socket
from tests.support.serving import RunningServer
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.principal import Credentials
from trailcast.access.tokens import parse_token
from trailcast.live.counters import LATENCY_BOUNDS_MS, Counters, Latency
from trailcast.live.feed import Start
from trailcast.live.subscription import Channel
from trailcast.records import EventFilter
from trailcast.settings import Settings

PAGE_SIZE, ITEMS_MAX = 3, 4


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """No tick, so that every wake-up is one that the test makes."""
    return settings.model_copy(update={"tick_ms": NEVER_MS, "feed_page_size": PAGE_SIZE, "feed_items_max": ITEMS_MAX})


def gauges(counters: Counters) -> tuple[int, int, int]:
    return counters.sockets, counters.subscribers, counters.groups


def but_rings(counters: Counters) -> Counters:
    """The bell is the doorbell's affair, and how often it is heard is up to it."""
    return replace(counters, rings_heard=0, bell_losses=0)


async def test_gauges_say_what_there_is(server: RunningServer, world: World) -> None:
    counters = server.services.counters
    assert gauges(counters) == (0, 0, 0)
    async with (
        open_socket(server.ws, world.token("owner")) as owner,
        open_socket(server.ws, world.token("admin")) as admin,
        open_socket(server.ws, world.token("member")) as member,
        open_socket(server.ws, world.token("globex_owner")) as elsewhere,
        open_socket(server.ws) as stranger,
    ):
        assert gauges(counters) == (5, 0, 0)  # the last has not introduced itself, and is there
        await owner.subscribe(FOLLOW)
        await until_waiting(server, 1)
        assert gauges(counters) == (5, 1, 1)
        await admin.subscribe(FOLLOW, {"after": cursor(world, 3)})
        for _ in range(17):
            await admin.next()
        await until_waiting(server, 2)
        assert gauges(counters) == (5, 2, 1)  # the same rights and the same filter
        await admin.subscribe(FOLLOW, {"filter": {"eventType": ["a.b"]}}, "2")
        await member.subscribe(FOLLOW)
        await elsewhere.subscribe(FOLLOW)
        await until_waiting(server, 5)
        assert gauges(counters) == (5, 5, 4)
        await owner.send({"id": "1", "type": "complete"})
        await until(lambda: gauges(counters) == (5, 4, 4))  # the admin is still of that audience
        stranger.connection.transport.abort()
        elsewhere.connection.transport.abort()
        await until(lambda: gauges(counters) == (3, 3, 3))
    await until(lambda: gauges(counters) == (0, 0, 0))


async def test_counters_say_what_was_done(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    counters, end = server.services.counters, await last_sequence(owner, world.acme)
    async with (
        open_socket(server.ws, world.token("owner")) as one,
        open_socket(server.ws, world.token("admin")) as two,
        open_socket(server.ws, world.token("member")) as member,
    ):
        for number, socket in enumerate((one, two, member), start=1):
            await socket.subscribe(FOLLOW)
            await until_waiting(server, number)
        assert but_rings(counters) == Counters(
            sockets=3, subscribers=3, groups=2
        )  # whoever begins with what is committed from now on reads no log
        # Two batches, since five are more than a page; one of the five is for the member, too.
        place = {"boardId": world.id("alpha")}
        await write(gql, world, *({"eventType": "a.b", **(place if number == 2 else {})} for number in range(5)))
        await until_sent(server, end + 5, 3)
        assert (counters.events_read, counters.deliveries) == (5, 2 * 5 + 1)
        assert sum(counters.latency.counts) == 2
        # Seven of the log are three pages of it: 3 + 3 + 1.
        await one.subscribe(FOLLOW, {"after": cursor(world, end - 2)}, "again")
        await until_waiting(server, 4)
        assert (counters.replays, counters.deliveries, counters.events_read) == (3, 11 + 7, 5)
        assert counters.rights_loaded == 0
        # One change of access: everybody's rights are loaded once, whoever it was that it concerned.
        await owner.execute("DELETE FROM board_grants WHERE board_id = $1", UUID(world.id("beta")))
        await until(lambda: counters.rights_loaded == 4)
        await write(gql, world, {"eventType": "a.b", "boardId": world.id("beta")})
        await until_sent(server, end + 6, 4)
        assert (counters.events_read, counters.deliveries, counters.rights_loaded) == (6, 18 + 3, 4)
    await until(lambda: followers(server) == [])
    expected = Counters(events_read=6, deliveries=21, replays=3, rights_loaded=4, latency=counters.latency)
    assert but_rings(counters) == expected
    assert sum(counters.latency.counts) == 3
    assert counters.latency.sum_ms > 0


async def test_readers_that_fall_behind_are_counted_each_time(gql: Client, server: RunningServer, world: World) -> None:
    counters = server.services.counters
    token = parse_token(world.token("owner"))
    assert token is not None
    caller = Caller(server.services.principals, Credentials(token), memo=False)
    feed = await server.services.feed.follow(caller, EventFilter(), Start())
    with closing(feed):
        feed.attach(channel := Channel())
        said = 0
        for turn in (1, 2):
            # One at a time fills the queue to its bound; the next is one too many.
            for number in range(ITEMS_MAX + 1):
                assert counters.overflows == turn - 1
                await write(gql, world, {"eventType": "a.b"})
                await until_read(server, number + 1 + said)
            said += ITEMS_MAX + 1
            assert (counters.overflows, counters.deliveries) == (turn, (turn - 1) * (ITEMS_MAX + 1))
            for _ in range(ITEMS_MAX + 1):
                assert await channel.take(20) is not None
            assert counters.deliveries == said
            assert counters.replays == 2 * turn  # 3 + 2
            await until(lambda: feed.is_live)
    assert (counters.subscribers, counters.groups, counters.sockets) == (0, 0, 0)


async def until_read(server: RunningServer, events: int) -> None:
    """Return when so many were read, and offered to whom they concern."""
    counters = server.services.counters
    await until(lambda: (counters.events_read, sum(counters.latency.counts)) == (events, events))


async def test_an_event_stream_counts_as_a_subscriber_and_as_no_socket(
    gql: Client, server: RunningServer, world: World
) -> None:
    async with streaming(server, world.token("owner"), FOLLOW) as stream:
        await until_waiting(server, 1)
        assert gauges(server.services.counters) == (0, 1, 1)
        await write(gql, world, {"eventType": "a.b"})
        await stream.item()
        assert server.services.counters.deliveries == 1
    await until(lambda: gauges(server.services.counters) == (0, 0, 0))


def test_latency_is_counted_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    latency = Latency()
    for ms in (0.5, 1, 1.5, 20, 20.1, 5000, 5001):
        latency.observe(ms)
    bounds = [*LATENCY_BOUNDS_MS, None]
    found = {bound: count for bound, count in zip(bounds, latency.counts, strict=True) if count}
    assert found == {1: 2, 2: 1, 20: 1, 50: 1, 5000: 1, None: 1}
    assert latency.sum_ms == pytest.approx(10_044.1)
