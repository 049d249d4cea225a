"""One socket speaks in one workspace, whatever becomes of the membership that it came by."""

import asyncpg

from tests.support.clients import open_socket
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.ledger.database import driver_url

WHERE = "{ viewer { workspace { name } } }"


async def test_socket_does_not_move_to_another_workspace_when_its_membership_ends(
    server: RunningServer, world: World, database_url: str
) -> None:
    async with open_socket(server.ws, world.token("double")) as socket:
        await socket.subscribe(WHERE)
        assert await socket.next() == {"data": {"viewer": {"workspace": {"name": "Acme"}}}}
        assert (await socket.receive())["type"] == "complete"
        connection = await asyncpg.connect(driver_url(database_url))
        await connection.execute(
            "DELETE FROM memberships WHERE user_id = $1 AND workspace_id = $2", world.id("double"), world.acme
        )
        await connection.close()
        await socket.subscribe(WHERE)
        payload = await socket.next()
        assert payload["data"] is None
        assert [error["extensions"]["code"] for error in payload["errors"]] == ["UNAUTHENTICATED"]
    async with open_socket(server.ws, world.token("double")) as socket:
        await socket.subscribe(WHERE)
        assert await socket.next() == {"data": {"viewer": {"workspace": {"name": "Globex"}}}}
