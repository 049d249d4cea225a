"""What ends a right ends it at once, in running streams too; what gives one counts from then on."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import pytest

from tests.access.test_streams import followers
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.tokens import parse_token
from trailcast.ledger.admin import revoke_token
from trailcast.ledger.database import driver_url

STREAM = "subscription { activityLogged { message } }"
SYNC = "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { errors { code } } }"
LOG = "mutation($input: LogActivityInput!) { logActivity(input: $input) { event { id } errors { code } } }"


@dataclass(frozen=True)
class Scene:
    """A server of the test's own, and whatever it takes to change the rights in it."""

    server: RunningServer
    gql: Client
    world: World

    async def sync(self, **rows: Any) -> None:
        answer = await self.gql.data(SYNC, {"input": rows}, token=self.world.token("service"))
        assert answer == {"syncDirectory": {"errors": []}}

    async def sql(self, statement: str, *values: object) -> None:
        """As the owner of the tables, past the engine."""
        connection = await asyncpg.connect(driver_url(self.server.database.url))
        try:
            assert (await connection.execute(statement, *values)).split()[-1] == "1"
        finally:
            await connection.close()

    async def log(self, caller: str, message: str, **place: str) -> None:
        given = {"eventType": "custom.noted", "message": message, **{key: self.world.id(name) for key, name in place.items()}}
        answer = await self.gql.data(LOG, {"input": given}, token=self.world.token(caller))
        assert answer["logActivity"]["errors"] == []

    async def follow(self, socket: Socket) -> None:
        """Subscribe, and return when the stream stands."""
        standing = followers(self.server, self.world, "acme")
        await socket.subscribe(STREAM)
        await until(lambda: followers(self.server, self.world, "acme") == standing + 1)

    def user(self, name: str) -> UUID:
        return UUID(self.world.id(name))

    def credential(self, name: str) -> str:
        token = parse_token(self.world.token(name))
        assert token is not None
        return token.public_id


@pytest.fixture
def scene(server: RunningServer, gql: Client, world: World) -> Scene:
    return Scene(server, gql, world)


async def test_x(scene: Scene) -> None:
    async with open_socket(scene.server.ws, scene.world.token("member")) as socket:
        await scene.follow(socket)
        await scene.log("owner", "first", boardId="alpha")
        print(await socket.next())
        async with scene.server.database.writing() as connection:
            await revoke_token(connection, scene.credential("member"))
        print(await socket.receive())
        print(await socket.receive())
        await socket.subscribe(STREAM, operation="2")
        print(await socket.receive())
