"""Acme as acceptance tests use it: somebody who writes to its log through some server process, and somebody who reads it there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from tests.acceptance.processes import ServerProcess
from tests.support.clients import Client, Socket, open_socket
from tests.support.world import World
from trailcast.ledger.cursor import encode_sequence

FOLLOW = "subscription ($after: String!) { activityLogged(after: $after) { cursor sequence message } }"
LOG = "mutation ($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) { errors { code } } }"
Received = list[tuple[int, str]]


@dataclass
class Acme:
    """`end` is where its log ended when the test began."""

    world: World
    end: int
    made: int = 0

    def messages(self, count: int) -> list[str]:
        """So many messages, all different over the whole test."""
        self.made += count
        return [f"message {number}" for number in range(self.made - count + 1, self.made + 1)]

    async def say(self, server: ServerProcess, *messages: str) -> None:
        """Have events with these messages logged, one after the other, by the service."""
        async with Client(server.http) as client:
            for message in messages:
                given = {"inputs": [{"eventType": "a.said", "message": message}]}
                data = await client.data(LOG, given, token=self.world.token("service"))
                assert data["logActivities"]["errors"] == []

    @asynccontextmanager
    async def reading(self, server: ServerProcess, seen: int = 0) -> AsyncIterator[Socket]:
        """A socket on which everything arrives that follows the first so many events of the test."""
        async with open_socket(server.ws, self.world.token("owner")) as socket:
            await socket.subscribe(FOLLOW, {"after": self.cursor(self.end + seen)})
            yield socket

    def cursor(self, sequence: int) -> str:
        return encode_sequence(UUID(self.world.acme), sequence)

    def expected(self, messages: list[str]) -> Received:
        """What a reader of the whole test receives if these, and nothing else, were logged in this order."""
        return [(self.end + 1 + place, message) for place, message in enumerate(messages)]


async def take(socket: Socket, count: int) -> Received:
    """(sequence, message) of the next so many events."""
    events = [(await socket.next())["data"]["activityLogged"] for _ in range(count)]
    return [(int(event["sequence"]), event["message"]) for event in events]
