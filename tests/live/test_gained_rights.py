"""Rights that a reader gains show what is committed from then on, however far behind the reader is, and nothing from before."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest

from resolvers.context import Caller
from tests.ledger.drafts import last_sequence
from tests.live.sockets import FOLLOW, followers, until_waiting, write
from tests.support.clients import Client
from tests.support.serving import RunningServer
from tests.support.slow import open_slow_socket
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.principal import Credentials
from trailcast.access.tokens import parse_token
from trailcast.live.feed import Start
from trailcast.live.subscription import Channel, Subscription
from trailcast.records import EventFilter
from trailcast.settings import Settings

ITEMS_MAX, PAGE_SIZE = 6, 4


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"feed_items_max": ITEMS_MAX, "feed_page_size": PAGE_SIZE, "socket_buffer_bytes": 8192}
    )


@dataclass
class Scene:
    """Events on alpha, which the member may see all the time, and on gamma, which it may see between `gain` and `lose`. `seen`
    are the numbers of those that it is to receive."""

    gql: Client
    server: RunningServer
    world: World
    owner: asyncpg.Connection
    end: int
    may_see_gamma: bool = False
    seen: list[int] = field(default_factory=list)
    on_gamma: set[int] = field(default_factory=set)

    async def say(self, board: str, count: int = 1, size: int = 1) -> None:
        """Events on a board, which the hub has read when this returns."""
        given = {"eventType": "a.said", "boardId": self.world.id(board), "message": "x" * size}
        await write(self.gql, self.world, *[given] * count)
        numbers = range(self.end + 1, self.end + count + 1)
        if board == "gamma":
            self.on_gamma |= set(numbers)
        if board == "alpha" or self.may_see_gamma:
            self.seen += numbers
        self.end += count
        await until(lambda: all(follower.position == self.end for follower in followers(self.server)))

    async def gain(self) -> None:
        await self.owner.execute(
            "INSERT INTO board_grants (workspace_id, user_id, board_id, can_read) VALUES ($1, $2, $3, true)",
            UUID(self.world.acme), UUID(self.world.id("member")), UUID(self.world.id("gamma")),
        )  # fmt: skip
        self.may_see_gamma = True
        await until(lambda: UUID(self.world.id("gamma")) in self.member().scope.boards)

    async def lose(self) -> None:
        await self.owner.execute("DELETE FROM board_grants WHERE board_id = $1", UUID(self.world.id("gamma")))
        self.may_see_gamma = False
        await until(lambda: UUID(self.world.id("gamma")) not in self.member().scope.boards)

    def member(self) -> Subscription:
        [follower] = followers(self.server)
        [member] = follower.members
        assert isinstance(member, Subscription)
        return member


@pytest.fixture
async def scene(gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection) -> Scene:
    return Scene(gql, server, world, owner, await last_sequence(owner, world.acme))


@pytest.fixture
async def channel(scene: Scene) -> AsyncIterator[Channel]:
    """The member's feed. It is as slow as the test takes from it: between two takes it takes nothing."""
    token = parse_token(scene.world.token("member"))
    assert token is not None
    caller = Caller(scene.server.services.principals, Credentials(token), memo=False)
    feed = await scene.server.services.feed.follow(caller, EventFilter(), Start())
    with closing(feed):
        feed.attach(channel := Channel())
        yield channel


async def take(channel: Channel, scene: Scene) -> list[int]:
    """The numbers of all that comes, up to the newest that has to."""
    received: list[int] = []
    while not received or received[-1] < scene.seen[-1]:
        delivery = await channel.take(20)
        assert delivery is not None
        received.append(delivery.event.sequence)
    return received


Step = Callable[[Scene], Awaitable[None]]
OVERFLOW: Step = lambda scene: scene.say("alpha", ITEMS_MAX + 2)  # noqa: E731 - a table of steps
ONE: Step = lambda scene: scene.say("alpha")  # noqa: E731
HIDDEN: Step = lambda scene: scene.say("gamma", 3)  # noqa: E731
GAIN = Scene.gain


async def LOSE(scene: Scene) -> None:  # noqa: N802 - a step like the others
    """With the right goes what waits: it is not brought back when the right is given again."""
    await scene.lose()
    scene.seen = [number for number in scene.seen if number not in scene.on_gamma]


# What happens while the reader takes nothing, in order. Everything that is hidden is said before it may be seen.
STORIES: dict[str, tuple[Step, ...]] = {
    "nothing waits, and it falls behind afterwards": (HIDDEN, GAIN, OVERFLOW, HIDDEN),
    "nothing waits, and it does not fall behind": (HIDDEN, GAIN, ONE, HIDDEN),
    "an event waits": (ONE, HIDDEN, GAIN, HIDDEN, ONE),
    "an event waits, and it falls behind afterwards": (ONE, HIDDEN, GAIN, OVERFLOW, HIDDEN),
    "it is behind": (OVERFLOW, HIDDEN, GAIN, HIDDEN, ONE),
    "it is behind, and falls behind again": (OVERFLOW, HIDDEN, GAIN, HIDDEN, OVERFLOW),
    "it is behind, gains, loses and gains": (OVERFLOW, HIDDEN, GAIN, HIDDEN, LOSE, HIDDEN, GAIN, HIDDEN, ONE),
}


@pytest.mark.parametrize("story", STORIES)
async def test_what_was_hidden_when_it_was_committed_stays_hidden_from_a_slow_reader(
    scene: Scene, channel: Channel, story: str
) -> None:
    for step in STORIES[story]:
        await step(scene)
    await ONE(scene)
    assert await take(channel, scene) == scene.seen


async def test_a_queue_that_was_emptied_since_the_gain_does_not_bring_the_past_back(
    scene: Scene, channel: Channel
) -> None:
    for step in (ONE, HIDDEN, GAIN):
        await step(scene)
    received = await take(channel, scene)
    await until(lambda: scene.member()._pump is None)
    await OVERFLOW(scene)
    received += await take(channel, scene)
    assert received == scene.seen


async def test_a_slow_socket_gets_nothing_of_the_time_before_the_gain(scene: Scene) -> None:
    """From outside: its reader stops, gains and reads on; and does so a second time, when it has caught up."""
    async with open_slow_socket(scene.server.port, scene.world.token("member")) as slow:
        await slow.subscribe(FOLLOW)
        await until_waiting(scene.server, 1)
        received: list[int] = []
        for _ in range(2):
            slow.stop_reading()
            while not scene.member().behind:
                await scene.say("alpha", ITEMS_MAX, size=8_000)
            await scene.say("gamma", 3)
            await scene.gain()
            await scene.say("gamma", 3)
            await scene.say("alpha", ITEMS_MAX + 2)
            slow.go_on_reading()
            received += await slow.take(len(scene.seen) - len(received))
            await until_waiting(scene.server, 1)
            await scene.lose()
    assert received == scene.seen
