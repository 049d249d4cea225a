"""What the settings of the door switch on and off: introspection, other origins, queries by GET."""

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


async def test_foreign_page_is_refused_over_http_and_nothing_is_run(
    server: RunningServer, settings: Settings, world: World
) -> None:
    """A browser would ask first for what a page sends with a credential; this is for what it sends without asking."""
    headers = {"authorization": f"Bearer {world.token('owner')}"}
    log = {"query": 'mutation { logActivity(input: {eventType: "a.b"}) { errors { code } } }'}
    newest = {"query": "{ activityEvents(first: 1) { nodes { eventType } } }"}
    async with httpx.AsyncClient(headers=headers) as http:
        for origin in (
            "https://evil.example",
            "null",
            "http://127.0.0.1",
            f"http://127.0.0.1:{server.port}.evil.example",
        ):
            refused = await http.post(server.http, json=log, headers={"origin": origin})
            assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "BAD_REQUEST"), (
                origin
            )
            streamed = await http.post(server.http, json=log, headers={"origin": origin, "accept": "text/event-stream"})
            assert streamed.status_code == 403, origin
        nodes = (await http.post(server.http, json=newest)).json()["data"]["activityEvents"]["nodes"]
        assert [node["eventType"] for node in nodes] != ["a.b"]
        own = await http.post(server.http, json=log, headers={"origin": server.http.removesuffix("/graphql")})
        assert own.json() == {"data": {"logActivity": {"errors": []}}}
        async with running_server(settings.model_copy(update={"allowed_origins": FRONT_END})) as open_server:
            allowed = await http.post(open_server.http, json=newest, headers={"origin": FRONT_END})
            assert allowed.json() == {"data": {"activityEvents": {"nodes": [{"eventType": "a.b"}]}}}
            assert allowed.headers["access-control-allow-origin"] == FRONT_END
            assert allowed.headers["access-control-expose-headers"] == "x-request-id, retry-after"
            # There are no cookies, and a browser is not told that it may send some.
            assert "access-control-allow-credentials" not in allowed.headers
            assert (await http.post(open_server.http, json=log, headers={"origin": "https://evil.example"})).is_error


async def test_queries_come_by_get_where_that_is_switched_on_and_mutations_never(
    settings: Settings, world: World
) -> None:
    mutation = 'mutation Log { logActivity(input: {eventType: "a.b"}) { errors { code } } }'
    asked = "query Asked($first: Int) { activityEvents(first: $first) { nodes { eventType } } }"
    headers = {"authorization": f"Bearer {world.token('owner')}"}
    async with (
        running_server(settings.model_copy(update={"queries_by_get": True, "explorer": True})) as server,
        httpx.AsyncClient(headers=headers) as http,
    ):
        before = (await http.get(server.http, params={"query": asked, "variables": '{"first": 1}'})).json()
        assert len(before["data"]["activityEvents"]["nodes"]) == 1
        for params in (
            {"query": mutation},
            {"query": f"{mutation} {asked}", "operationName": "Log"},
        ):
            for accept in ("application/json", "application/graphql-response+json", "text/event-stream"):
                refused = await http.get(server.http, params=params, headers={"accept": accept})
                assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST"), (params, accept)
                assert [error["extensions"]["code"] for error in refused.json()["errors"]] == ["BAD_REQUEST"]
        foreign = await http.get(server.http, params={"query": asked}, headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
        assert (await http.get(server.http, params={"query": "{"})).json()["errors"][0]["extensions"]["code"] == (
            "GRAPHQL_PARSE_FAILED"
        )
        assert (await http.get(server.http, params={"query": asked, "variables": "["})).status_code == 400
        after = (await http.get(server.http, params={"query": asked, "variables": '{"first": 1}'})).json()
        assert after == before
        # A page is what a browser gets that asks for nothing.
        assert (await http.get(server.http, headers=PAGE)).headers["content-type"] == "text/html; charset=utf-8"
