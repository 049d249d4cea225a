"""What a token may be used for: every root field asks for its scope, by every door, and a refusal leaves nothing behind."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.access.conftest import Asking
from tests.access.effects import Bell, contents
from tests.access.test_completeness import ROOT_FIELDS
from tests.access.test_credentials import parsed
from tests.access.test_streams import followers
from tests.support.clients import RECEIVE_TIMEOUT_S, open_socket, take_request_ids
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.tokens import TokenScope
from trailcast.ledger.admin import create_token
from trailcast.ledger.database import Database
from trailcast.records import ActorKind

pytestmark = pytest.mark.asyncio(loop_scope="session")

READ, WRITE, DIRECTORY = TokenScope
EVENT = '{ eventType: "custom.noted" }'
# Each root field with the scope that it asks for; None asks for no more than a credential.
FIELDS: Mapping[str, tuple[str, TokenScope | None]] = {
    "Query.viewer": ("{ viewer { actor { name } workspace { name } workspaces { name } role } }", None),
    "Query.eventTypes": ("{ eventTypes { name } }", None),
    "Query.node": ("query($task: ID!) { node(id: $task) { id } }", READ),
    "Query.activityEvents": ("{ activityEvents { nodes { id } } }", READ),
    "Query.activityEvent": ("query($event: ID!) { activityEvent(id: $event) { id } }", READ),
    "Query.auditTrail": ('query($task: ID!) { auditTrail(entityType: "task", entityId: $task) { entityId } }', READ),
    "Query.taskComments": ("{ taskComments { totalCount { count } } }", READ),
    "Query.activityMetrics": ('{ activityMetrics(since: "2026-01-01T00:00:00Z") { total } }', READ),
    "Query.boards": ("{ boards { nodes { id } } }", READ),
    "Query.agents": ("{ agents { nodes { id } } }", READ),
    "Query.users": ("{ users { nodes { id } } }", READ),
    "Query.tasks": ("{ tasks { nodes { id } } }", READ),
    "Mutation.logActivity": (f"mutation {{ logActivity(input: {EVENT}) {{ errors {{ code }} }} }}", WRITE),
    "Mutation.logActivities": (f"mutation {{ logActivities(inputs: [{EVENT}]) {{ errors {{ code }} }} }}", WRITE),
    "Mutation.addTaskComment": (
        'mutation($task: ID!) { addTaskComment(taskId: $task, message: "M") { errors { code } } }',
        WRITE,
    ),
    "Mutation.syncDirectory": ("mutation { syncDirectory(input: {}) { errors { code } } }", DIRECTORY),
    "Subscription.commentAdded": ('subscription { commentAdded(since: "2026-01-01T00:00:00Z") { message } }', READ),
    "Subscription.activityLogged": ('subscription { activityLogged(since: "2026-01-01T00:00:00Z") { message } }', READ),
}
BOARDS = "{ viewer { boards { canWrite } } }"


async def token_of(database: Database, kind: ActorKind, world: World, subject: str, *scopes: TokenScope) -> str:
    async with database.operating() as connection:
        return await create_token(connection, kind, UUID(world.acme), UUID(subject), name="narrow", scopes=scopes)


async def narrow(tell: Asking, *scopes: TokenScope) -> str:
    """A service's token, which could do everything."""
    return await token_of(tell.shared.server.database, ActorKind.SERVICE, tell.world, tell.id("service"), *scopes)


def lacking(scope: TokenScope) -> dict[str, Any]:
    message = f"This token lacks the scope {scope.value}: use one that has it."
    return {"message": message, "extensions": {"code": "FORBIDDEN"}}


async def test_every_root_field_has_a_scope() -> None:
    assert FIELDS.keys() == ROOT_FIELDS.keys()


@pytest.mark.parametrize("name", FIELDS)
async def test_field_asks_for_its_scope_and_for_no_other(tell: Asking, bell: Bell, name: str) -> None:
    document, needed = FIELDS[name]
    ids = {"task": tell.id("alpha_task"), "event": next(iter(tell.ids.values()))}
    variables = {name: value for name, value in ids.items() if f"${name}:" in document}
    others = [scope for scope in TokenScope if scope is not needed]
    without, alone = await narrow(tell, *others), await narrow(tell, needed or WRITE)
    await bell.forget(tell.shared.server)
    before = await contents(tell.shared.sql)
    if needed is not None:
        for errors in await answered(tell, without, document, variables):
            assert [{"message": error["message"], "extensions": error["extensions"]} for error in errors] == [
                lacking(needed)
            ]
    assert (await bell.rung(), await contents(tell.shared.sql)) == ([], before)
    assert await answered(tell, alone, document, variables) == [[], []]


async def answered(tell: Asking, token: str, document: str, variables: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The errors of a document over a socket, and over HTTP, of a subscription as an event stream."""
    async with open_socket(tell.shared.server.ws, token) as socket:
        await socket.subscribe(document, variables)
        frame = await socket.receive()
        found = [frame["payload"] if frame["type"] == "error" else frame["payload"].get("errors", [])]
    if not document.startswith("subscription"):
        return [*found, (await tell.shared.gql(document, variables, token=token)).get("errors", [])]
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    asked = tell.shared.gql._http.stream("POST", tell.shared.server.http, json={"query": document}, headers=headers)
    async with asyncio.timeout(RECEIVE_TIMEOUT_S), asked as response:
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                errors = json.loads(line.removeprefix("data: ")).get("errors", [])
                take_request_ids(errors)
                return [*found, errors]
    raise AssertionError("the stream ended without a word")


async def test_token_without_scopes_named_has_all_that_its_kind_may_have(tell: Asking) -> None:
    for caller, scopes in {
        "member": ["read", "write"], "bot": ["read", "write"], "service": ["read", "write", "directory"],
    }.items():  # fmt: skip
        public_id = parsed(tell.world.token(caller)).public_id
        assert await tell.shared.sql.fetchval("SELECT scopes FROM credentials WHERE id = $1", public_id) == scopes


async def test_viewer_lists_boards_only_to_who_may_read_and_says_what_its_token_may(tell: Asking) -> None:
    database, member = tell.shared.server.database, tell.world.id("member")
    tokens = {scope: await token_of(database, ActorKind.USER, tell.world, member, scope) for scope in (READ, WRITE)}
    shown = await tell.data("member", BOARDS)
    assert shown == {"viewer": {"boards": [{"canWrite": True}, {"canWrite": False}]}}
    assert await tell.shared.gql.data(BOARDS, token=tokens[READ]) == {"viewer": {"boards": [{"canWrite": False}] * 2}}
    [error] = (await tell.shared.gql(BOARDS, token=tokens[WRITE]))["errors"]
    assert {"message": error["message"], "extensions": error["extensions"]} == lacking(READ)


async def test_writer_that_may_not_read_is_shown_what_it_wrote(tell: Asking) -> None:
    token = await narrow(tell, WRITE)
    document = 'mutation { logActivity(input: { eventType: "custom.noted", message: "Mine" }) { event { message } } }'
    assert await tell.shared.gql.data(document, token=token) == {"logActivity": {"event": {"message": "Mine"}}}


async def test_directory_is_for_services_whatever_the_scopes_of_a_token_say(tell: Asking) -> None:
    database = tell.shared.server.database
    token = await token_of(database, ActorKind.USER, tell.world, tell.world.id("owner"), *TokenScope)
    [error] = (await tell.shared.gql(FIELDS["Mutation.syncDirectory"][0], token=token))["errors"]
    assert error["message"] == "Only a service may synchronise the directory: use a service token."


async def test_scope_that_is_taken_away_ends_what_it_allowed_in_running_streams(tell: Asking) -> None:
    token = await narrow(tell)
    async with open_socket(tell.shared.server.ws, token) as socket:
        await socket.subscribe("subscription { activityLogged { message } }")
        await until(lambda: followers(tell.shared.server, tell.world, "acme") == 1)
        change = "UPDATE credentials SET scopes = '{write}' WHERE id = $1"
        await tell.shared.sql.execute(change, parsed(token).public_id)
        ended = await socket.next()
        assert [(error["message"], error["extensions"]) for error in ended["errors"]] == [tuple(lacking(READ).values())]
        assert await socket.receive() == {"id": "1", "type": "complete"}


@pytest.mark.parametrize("scopes", ["{}", "{admin}", "{read,NULL}", "{read,admin}", None])
async def test_database_refuses_scopes_that_there_are_not(tell: Asking, scopes: str | None) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await tell.shared.sql.execute("UPDATE credentials SET scopes = $1::text::text[]", scopes)
