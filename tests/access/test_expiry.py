"""A socket does not outlive its credential, by the server's clock; nor does a request."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.access.closing import FORBIDDEN, Ending, ending
from tests.support.clients import Client, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.world import World
from trailcast.ledger.admin import create_token
from trailcast.records import ActorKind
from trailcast.settings import Settings

LEFT = timedelta(milliseconds=300)


@dataclass
class Clock:
    """A clock that stands until it is moved: what ends a stream while it stands is a timer, and no look-up."""

    now: datetime = field(default_factory=lambda: datetime(2030, 1, 1, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server(settings: Settings, clock: Clock) -> AsyncIterator[RunningServer]:
    async with running_server(settings, clock) as running:
        yield running


@pytest.fixture
async def token(server: RunningServer, world: World, clock: Clock) -> str:
    """The member's, with a little time left."""
    async with server.database.operating() as connection:
        return await create_token(
            connection,
            ActorKind.USER,
            UUID(world.acme),
            UUID(world.id("member")),
            name="short",
            expires_at=clock.now + LEFT,
        )


async def test_socket_is_closed_when_its_credential_expires(server: RunningServer, token: str) -> None:
    async with open_socket(server.ws, token) as socket:
        assert await ending(socket) == Ending([], *FORBIDDEN)


async def test_stream_is_ended_and_its_socket_closed_when_the_credential_expires(
    server: RunningServer, gql: Client, world: World, token: str
) -> None:
    async with open_socket(server.ws, token) as socket:
        await socket.subscribe("subscription { activityLogged { message } }")
        end = await ending(socket)
    assert (end.code, end.reason) == FORBIDDEN
    assert not [frame for frame in end.frames if '"data":{' in frame]


async def test_request_is_refused_from_the_moment_of_expiry(
    server: RunningServer, gql: Client, token: str, clock: Clock
) -> None:
    document = "{ viewer { role } }"
    clock.now += LEFT - timedelta(microseconds=1)
    assert await gql.data(document, token=token) == {"viewer": {"role": "MEMBER"}}
    clock.now += timedelta(microseconds=1)
    assert await gql.codes(document, token=token) == ["UNAUTHENTICATED"]
    assert gql.last.status_code == 401


async def test_operation_is_refused_from_the_moment_of_expiry(server: RunningServer, token: str, clock: Clock) -> None:
    """Whichever comes first: the socket's timer, or the look-up of its next operation."""
    async with open_socket(server.ws, token) as socket:
        clock.now += LEFT
        await socket.subscribe("{ viewer { role } }")
        end = await ending(socket)
    assert (end.code, end.reason) == FORBIDDEN
    assert not [frame for frame in end.frames if '"MEMBER"' in frame]


async def test_credential_without_expiry_is_not_ended_by_the_clock(
    server: RunningServer, gql: Client, world: World, clock: Clock
) -> None:
    async with open_socket(server.ws, world.token("member")) as socket:
        clock.now += timedelta(days=36500)
        await socket.subscribe("{ viewer { role } }")
        assert await socket.next() == {"data": {"viewer": {"role": "MEMBER"}}}
