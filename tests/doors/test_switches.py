"""What the settings of the door switch on and off: the explorer, introspection, other origins."""

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.clients import SUBPROTOCOL, Client
from tests.support.serving import RunningServer, running_server
from tests.support.world import World
from trailcast.settings import Settings

PAGE = {"accept": "text/html"}
FRONT_END = "https://board.example"


async def test_explorer_switched_off_is_not_there(settings: Settings) -> None:
    async with running_server(settings.model_copy(update={"explorer": False})) as server, httpx.AsyncClient() as http:
        assert (await http.get(server.http, headers=PAGE)).status_code == 404


async def test_introspection_switched_off_is_refused_to_everybody(settings: Settings, world: World) -> None:
    async with (
        running_server(settings.model_copy(update={"introspection": False})) as server,
        Client(server.http) as gql,
    ):
        document = "{ __schema { queryType { name } } }"
        for token in (None, world.token("owner")):
            answer = await gql(document, token=token)
            assert "data" not in answer
            assert {error["extensions"]["code"] for error in answer["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}
        assert await gql.data("{ viewer { role } }", token=world.token("owner")) == {"viewer": {"role": "OWNER"}}


async def test_page_of_another_origin_is_let_in_only_where_it_is_named(
    server: RunningServer, settings: Settings
) -> None:
    asked = {
        "origin": FRONT_END,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    async with httpx.AsyncClient() as http:
        refused = await http.options(server.http, headers=asked)
        assert "access-control-allow-origin" not in refused.headers
        async with running_server(settings.model_copy(update={"allowed_origins": FRONT_END})) as open_server:
            allowed = await http.options(open_server.http, headers=asked)
            assert allowed.headers["access-control-allow-origin"] == FRONT_END
            foreign = await http.options(open_server.http, headers={**asked, "origin": "https://other.example"})
            assert "access-control-allow-origin" not in foreign.headers
            async with connect(open_server.ws, subprotocols=[SUBPROTOCOL], origin=FRONT_END) as socket:  # type: ignore[list-item,arg-type]
                assert socket.subprotocol == SUBPROTOCOL
    with pytest.raises(InvalidStatus):
        async with connect(server.ws, subprotocols=[SUBPROTOCOL], origin=FRONT_END):  # type: ignore[list-item,arg-type]
            pass
