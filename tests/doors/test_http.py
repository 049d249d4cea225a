"""GraphQL over HTTP: what is refused, with which status, code and media type, and that nothing earns a 5xx."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from tests.support.clients import Client
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.ledger.database import driver_url

VIEWER = {"query": "{ viewer { actor { name } } }"}
NEW_MEDIA = "application/graphql-response+json"


@pytest.fixture
async def http(server: RunningServer, world: World) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {world.token('owner')}"}
    async with httpx.AsyncClient(
        base_url=server.http.removesuffix("/graphql"), headers=headers, verify=False
    ) as client:
        yield client


def _codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"1", b'"x"', b"[]", b"{", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"query": 1}',
        b'{"query": "{viewer{role}}", "variables": []}',
        b'[{"query": "{viewer{role}}"}]', b'{"query": "{viewer{role}}", "variables": {"a": NaN}}', b'{"query": "\\ud800"}',
        b'{"query": "{viewer{role}}", "extensions": 1}', b'{"query": "{viewer{role}}", "operationName": "absent"}',
    ],
)  # fmt: skip
async def test_a_body_that_is_no_request_is_400(http: httpx.AsyncClient, body: bytes) -> None:
    response = await http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, _codes(response)) == (400, ["BAD_REQUEST"])


async def test_another_method_is_405_and_says_which_are_allowed(http: httpx.AsyncClient) -> None:
    response = await http.put("/graphql", json=VIEWER)
    assert (response.status_code, response.headers["allow"], _codes(response)) == (405, "GET, POST", ["BAD_REQUEST"])


async def test_a_query_by_get_is_refused(http: httpx.AsyncClient) -> None:
    response = await http.get("/graphql", params=VIEWER, headers={"accept": "application/json"})
    assert (response.status_code, response.headers["allow"], _codes(response)) == (405, "GET, POST", ["BAD_REQUEST"])


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/json-seq", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/json; charset=utf-16", "application/jsonp; a=application/json"],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
async def test_a_body_that_is_not_json_by_its_type_is_415(
    http: httpx.AsyncClient, content_type: str, accept: str
) -> None:
    headers = {"accept": accept, **({"content-type": content_type} if content_type else {})}
    response = await http.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert (response.status_code, _codes(response)) == (415, ["BAD_REQUEST"])


async def test_json_is_read_however_its_type_is_spelled(http: httpx.AsyncClient) -> None:
    for content_type in ("application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'):
        response = await http.post(
            "/graphql", content=b'{"query": "{ __typename }"}', headers={"content-type": content_type}
        )
        assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_body_beyond_the_bound_is_413(http: httpx.AsyncClient, server: RunningServer) -> None:
    too_large = " " * server.services.settings.request_bytes_max
    response = await http.post("/graphql", json={"query": too_large})
    assert (response.status_code, _codes(response)) == (413, ["BAD_REQUEST"])


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        ("{ viewer { role }", None, "GRAPHQL_PARSE_FAILED"),
        ("{ viewer { nothing } }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query($first: Int) { activityEvents(first: $first) { nodes { id } } }", {"first": "x"}, "BAD_USER_INPUT"),
        (
            "query($since: DateTime) { activityEvents(filter: {since: $since}) { nodes { id } } }",
            {"since": "2026-01-01"},
            "BAD_USER_INPUT",
        ),
        ('{ activityEvents(filter: {since: "2026-01-01T00:00:00"}) { nodes { id } } }', None, "BAD_USER_INPUT"),
        ("query A { viewer { role } } query B { viewer { role } }", None, "BAD_REQUEST"),
        ("subscription { activityLogged { id } }", None, "BAD_REQUEST"),
    ],
)
async def test_a_request_error_has_a_code_and_no_data(
    gql: Client, world: World, document: str, variables: dict[str, Any] | None, code: str
) -> None:
    old = await gql(document, variables, token=world.token("owner"))
    assert gql.last.status_code == 200
    assert gql.last.headers["content-type"] == "application/json; charset=utf-8"
    new = await gql(document, variables, token=world.token("owner"), headers={"accept": NEW_MEDIA})
    assert gql.last.status_code == 400
    assert gql.last.headers["content-type"] == f"{NEW_MEDIA}; charset=utf-8"
    for answer in (old, new):
        assert "data" not in answer
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


async def test_one_of_several_operations_runs_by_name(http: httpx.AsyncClient) -> None:
    document = "query A { viewer { actor { name } } } query B { viewer { role } }"
    response = await http.post("/graphql", json={"query": document, "operationName": "B"})
    assert response.json() == {"data": {"viewer": {"role": "OWNER"}}}


async def test_answers_are_not_to_be_stored(http: httpx.AsyncClient) -> None:
    response = await http.post("/graphql", json=VIEWER)
    assert response.json() == {"data": {"viewer": {"actor": {"name": "Olive"}}}}
    assert (response.headers["cache-control"], response.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert "server" not in response.headers


async def test_the_unexpected_is_masked_and_logged_with_an_id(
    gql: Client, world: World, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    # A table that is gone is no error of the tree: nothing of it may be seen from outside.
    connection = await asyncpg.connect(driver_url(database_url))
    await connection.execute("ALTER TABLE boards RENAME TO gone")
    await connection.close()
    answer = await gql("{ boards { nodes { id } } }", token=world.token("owner"))
    [error] = answer["errors"]
    assert error["extensions"] == {"code": "INTERNAL"}
    assert error["message"] == "Something went wrong on our side; quote the requestId when you report it."
    request_id = gql.last.headers["x-request-id"]
    assert f"request {request_id}: an unexpected error was masked" in caplog.messages
    assert "relation" not in gql.last.text
