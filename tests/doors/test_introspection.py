"""The schema, asked for: answered where introspection is open, and nothing of it is given away where it is not."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import get_introspection_query

from tests.doors.test_hostile_documents import GUESSED
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.world import World
from trailcast.settings import Settings

WRAPPED = '{ __type(name: "Actor") { isOneOf fields { name type { isOneOf ofType { isOneOf } } } } }'
ASKING = (
    "{ __schema { queryType { name } } }",
    '{ __type(name: "Viewer") { name } }',
    "query Q { ...schema } fragment schema on Query { a: __schema { types { name } } }",
    "{ viewer { role } __schema { queryType { name } } }",
    get_introspection_query(),
)
UNKNOWN = "Expected value of type 'ActivityEventFilter' not to include unknown field 'colour'."
REFUSED = "GraphQL introspection has been disabled, but the requested query contained the field"


@pytest.fixture
async def closed(settings: Settings) -> AsyncIterator[RunningServer]:
    """A server as in production."""
    async with running_server(settings.model_copy(update={"introspection": False})) as server:
        yield server


async def test_one_of_is_answered_for_every_kind_of_type(gql: Client, world: World) -> None:
    """Upstream's own resolver fails for types that are wrapped, which generators ask for."""
    actor = (await gql.data(WRAPPED, token=world.token("owner")))["__type"]
    assert actor["isOneOf"] is None
    types = {field["name"]: field["type"] for field in actor["fields"]}
    assert types["id"] == {"isOneOf": None, "ofType": {"isOneOf": None}}
    everything = get_introspection_query(input_value_deprecation=True, one_of=True)
    schema = (await gql.data(everything, token=world.token("owner")))["__schema"]
    one_of = {kind["name"]: kind["isOneOf"] for kind in schema["types"]}
    assert (one_of["ActivityEventFilter"], one_of["ActivityEvent"], one_of["Outcome"]) == (False, None, None)


async def test_closed_schema_is_refused_at_every_door_and_the_rest_is_not(closed: RunningServer, world: World) -> None:
    token = world.token("owner")
    async with Client(closed.http) as gql, open_socket(closed.ws, token) as socket:
        for document in ASKING:
            answers = [await gql(document, token=token), await gql(document), await by_socket(socket, document)]
            for answer in answers:
                assert "data" not in answer
                assert {error["extensions"]["code"] for error in answer["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}
                assert all(error["message"].startswith(REFUSED) for error in answer["errors"])
        named = "{ __typename viewer { __typename role } }"
        expected = {"data": {"__typename": "Query", "viewer": {"__typename": "Viewer", "role": "OWNER"}}}
        assert await gql(named, token=token) == expected
        assert await by_socket(socket, named) == expected


async def test_closed_schema_gives_no_hints(closed: RunningServer, world: World) -> None:
    token = world.token("owner")
    async with Client(closed.http) as gql, open_socket(closed.ws, token) as socket:
        for document, variables in GUESSED:
            for answer in (await gql(document, variables, token=token), await by_socket(socket, document, variables)):
                assert answer["errors"], document
                assert not any("did you mean" in error["message"].lower() for error in answer["errors"]), document


async def test_value_that_does_not_fit_is_not_repeated(gql: Client, world: World) -> None:
    """What was found beside it may be a secret, and whoever keeps errors would keep it."""
    document = "query($filter: ActivityEventFilter) { activityEvents(filter: $filter) { nodes { id } } }"
    answer = await gql(document, {"filter": {"text": "hunter2", "colour": None}}, token=world.token("owner"))
    assert [(error["message"], error["extensions"]) for error in answer["errors"]] == [
        (
            f"Variable '$filter' has invalid value: {UNKNOWN}",
            {"code": "BAD_USER_INPUT", "path": ["filter"]},
        )
    ]


async def test_null_where_a_variable_must_not_be_is_the_callers_value(gql: Client, world: World) -> None:
    document = "query($order: OrderDirection = DESC) { activityEvents(direction: $order) { nodes { id } } }"
    answer = await gql(document, {"order": None}, token=world.token("owner"))
    [error] = answer["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "path": ["direction"]}
    assert error["path"] == ["activityEvents"]
    assert error["message"].endswith("provided to non-null type 'OrderDirection!' not to be null.")


async def by_socket(socket: Socket, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer as it would be over HTTP."""
    await socket.subscribe(document, variables)
    frame = await socket.receive()
    if frame["type"] == "error":
        return {"errors": frame["payload"]}
    assert (await socket.receive())["type"] == "complete"
    answer: dict[str, Any] = frame["payload"]
    return answer
