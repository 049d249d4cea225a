"""Without a credential nothing is to be had but introspection: every root field refuses, by HTTP and by socket."""

import pytest

from schema.build import build
from tests.access.closing import FORBIDDEN, Ending, ending
from tests.access.conftest import Asking
from tests.access.effects import Bell, contents
from tests.access.rules import ABSENT
from tests.support.clients import open_socket

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUERIES = {
    "viewer": "{ viewer { role } }",
    "node": f'{{ node(id: "{ABSENT}") {{ id }} }}',
    "activityEvents": "{ activityEvents { nodes { id } totalCount { count } } }",
    "activityEvent": f'{{ activityEvent(id: "{ABSENT}") {{ id }} }}',
    "auditTrail": f'{{ auditTrail(entityType: "task", entityId: "{ABSENT}") {{ entityName }} }}',
    "taskComments": "{ taskComments { nodes { id } } }",
    "activityMetrics": '{ activityMetrics(since: "2026-01-01T00:00:00Z") { total } }',
    "eventTypes": "{ eventTypes { name } }",
    "boards": "{ boards { nodes { id } } }",
    "agents": "{ agents { nodes { id } } }",
    "users": "{ users { nodes { id } } }",
    "tasks": "{ tasks { nodes { id } } }",
}
MUTATIONS = {
    "logActivity": 'mutation { logActivity(input: { eventType: "custom.noted" }) { replayed } }',
    "logActivities": 'mutation { logActivities(inputs: [{ eventType: "custom.noted" }]) { events { id } } }',
    "addTaskComment": f'mutation {{ addTaskComment(taskId: "{ABSENT}", message: "Hello") {{ replayed }} }}',
    "syncDirectory": "mutation { syncDirectory(input: {}) { upserted } }",
}
NULLABLE = {"node", "activityEvent"}


async def test_every_root_field_is_asked_here() -> None:
    schema = build()._schema
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    assert (set(QUERIES), set(MUTATIONS)) == (set(schema.query_type.fields), set(schema.mutation_type.fields))


@pytest.mark.parametrize("field", [*QUERIES, *MUTATIONS])
async def test_root_field_without_a_credential_is_refused_and_leaves_nothing(
    tell: Asking, bell: Bell, field: str
) -> None:
    before = await contents(tell.shared.sql)
    answer = await tell(None, {**QUERIES, **MUTATIONS}[field])
    [error] = answer.pop("errors")
    assert answer == {"data": {field: None} if field in NULLABLE else None}
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
    assert error["message"] == "A valid credential is needed: send Authorization: Bearer <token> or X-Agent-Token."
    response = tell.shared.gql.last
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert await contents(tell.shared.sql) == before
    assert await bell.rung() == []


async def test_introspection_is_open_where_it_is_enabled(tell: Asking) -> None:
    assert await tell(None, "{ __schema { queryType { name } } __typename }") == {
        "data": {"__schema": {"queryType": {"name": "Query"}}, "__typename": "Query"}
    }
    assert tell.shared.gql.last.status_code == 200


@pytest.mark.parametrize("payload", [None, {}, {"Authorization": ""}, {"workspace": ABSENT}])
async def test_socket_without_a_credential_is_closed(tell: Asking, payload: dict[str, str] | None) -> None:
    async with open_socket(tell.shared.server.ws) as socket:
        await socket.send({"type": "connection_init", **({} if payload is None else {"payload": payload})})
        assert await ending(socket) == Ending([], *FORBIDDEN)


async def test_socket_that_did_not_introduce_itself_may_not_subscribe(tell: Asking) -> None:
    async with open_socket(tell.shared.server.ws) as socket:
        await socket.subscribe("subscription { activityLogged { id } }")
        assert await ending(socket) == Ending([], 4401, "Unauthorized")
