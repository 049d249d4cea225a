"""What tests of live sockets share: documents, starting points, and how to tell that a feed has nothing left to do but wait."""

from typing import Any
from uuid import UUID

from tests.live.parts import waits
from tests.support.clients import Client, Socket
from tests.support.serving import RunningServer
from tests.support.waiting import until
from tests.support.world import World
from trailcast.ledger.cursor import encode_sequence
from trailcast.live.hub import Follower, Hub
from trailcast.live.subscription import Subscription

FOLLOW = """
subscription ($after: String, $since: DateTime, $filter: ActivityEventFilter) {
  activityLogged(after: $after, since: $since, filter: $filter) { sequence cursor message }
}
"""
LOG = (
    "mutation ($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) { events { id } errors { code path } } }"
)


def hub(server: RunningServer) -> Hub:
    return server.services.feed._shared.hub


def followers(server: RunningServer) -> list[Follower]:
    return list(hub(server)._followers.values())


def waiting(server: RunningServer) -> int:
    """How many feeds have read all there was and wait for what comes."""
    members = [member for follower in followers(server) for member in follower.members]
    return sum(waits(member) for member in members if isinstance(member, Subscription))


async def until_waiting(server: RunningServer, count: int) -> None:
    """Return when so many feeds wait for what comes: from here on everything reaches them live."""
    await until(lambda: waiting(server) == count)


async def until_sent(server: RunningServer, sequence: int, count: int) -> None:
    """Return when all up to this number was read and handed to its readers, and so many feeds wait again."""
    await until(
        lambda: all(follower.position >= sequence for follower in followers(server)) and waiting(server) == count
    )


async def received_so_far(socket: Socket) -> list[dict[str, Any]]:
    """All frames that were sent to this socket up to now."""
    await socket.send({"type": "ping"})
    frames: list[dict[str, Any]] = []
    while (frame := await socket.receive())["type"] != "pong":
        frames.append(frame)
    return frames


def cursor(world: World, sequence: int) -> str:
    """The cursor of an event of Acme."""
    return encode_sequence(UUID(world.acme), sequence)


async def write(gql: Client, world: World, *inputs: dict[str, Any]) -> list[str]:
    """Have these logged by Acme's service; their ids."""
    payload = (await gql.data(LOG, {"inputs": list(inputs)}, token=world.token("service")))["logActivities"]
    assert payload["errors"] == []
    return [event["id"] for event in payload["events"]]


async def say(gql: Client, world: World, *messages: str) -> None:
    """Have events with these messages logged, at workspace level."""
    await write(gql, world, *({"eventType": "a.said", "message": message} for message in messages))
