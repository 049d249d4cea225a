"""What exists elsewhere: every id, cursor and key of another workspace answers to the byte like one that there never was.

The other files here ask what a caller may see; this one goes through every place of the contract where a foreign id can be put. A new
argument or input field that takes an id has to be named here.
"""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from graphql import GraphQLInputObjectType, get_named_type

from schema.build import build
from tests.access.conftest import Asking
from tests.access.effects import connected, contents
from tests.access.rules import ABSENT
from tests.support.clients import Client, content_of, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.ledger.cursor import DIRECTORY, encode_name, encode_sequence

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLERS = ("owner", "member", "bot", "service")
GLOBEX = {
    "board": "globex_board", "task": "globex_task", "agent": "globex_agent", "user": "globex_owner", "event": "globex_comment",
}  # fmt: skip
EVENTS = (
    "query($id: ID!) { activityEvents(filter: { %s }) { nodes { id } totalCount { count } pageInfo { hasNextPage } } }"
)
METRICS = """query($id: ID!) { activityMetrics(since: "2026-01-01T00:00:00Z", filter: { boardId: [$id] }) {
  total failed errorRatePct breakdown(by: ACTOR) { total } } }"""
TRAIL = """query($id: ID!) { auditTrail(entityType: "%s", entityId: $id) {
  entityName firstEvent { id } lastEvent { id } contributors { count } events { nodes { id } totalCount { count } } } }"""
# Where an id can be put in a query, by argument or input field, and whose.
READS: dict[str, tuple[str, str]] = {
    "Query.node.id": ("query($id: ID!) { node(id: $id) { id } }", "board"),
    "Query.activityEvent.id": ("query($id: ID!) { activityEvent(id: $id) { id } }", "event"),
    "Query.auditTrail.entityId": (TRAIL % "task", "task"),
    "Query.taskComments.boardId": ("query($id: ID!) { taskComments(boardId: $id) { nodes { id } } }", "board"),
    "Query.taskComments.taskId": ("query($id: ID!) { taskComments(taskId: $id) { nodes { id } } }", "task"),
    "Query.agents.boardId": ("query($id: ID!) { agents(boardId: $id) { nodes { id } } }", "board"),
    "Query.tasks.boardId": ("query($id: ID!) { tasks(boardId: $id) { nodes { id } } }", "board"),
    "ActivityEventFilter.actorId": (EVENTS % "actorId: [$id]", "user"),
    "ActivityEventFilter.agentId": (EVENTS % "agentId: [$id]", "agent"),
    "ActivityEventFilter.userId": (EVENTS % "userId: [$id]", "user"),
    "ActivityEventFilter.boardId": (EVENTS % "boardId: [$id]", "board"),
    "ActivityEventFilter.taskId": (EVENTS % "taskId: [$id]", "task"),
    "ActivityEventFilter.correlationId": (EVENTS % "correlationId: $id", "board"),
    "EntityInput.id": (EVENTS % 'entity: { type: "board", id: $id }', "board"),
    "metrics": (METRICS, "board"),
}
NOTED = 'mutation($id: ID!) { logActivity(input: { eventType: "custom.noted", %s }) { event { id } errors { code message path } } }'
SYNCED = "mutation($id: ID!) { syncDirectory(input: { %s }) { upserted errors { code message path } } }"
# Where one can be put in a mutation that is refused for it.
REFUSED_WRITES: dict[str, tuple[str, str]] = {
    "LogActivityInput.boardId": (NOTED % "boardId: $id", "board"),
    "LogActivityInput.taskId": (NOTED % "taskId: $id", "task"),
    "ActorInput.id": (NOTED % "actor: { kind: AGENT, id: $id }", "agent"),
    "on behalf": (NOTED % "onBehalfOf: { kind: USER, id: $id }", "user"),
    "Mutation.addTaskComment.taskId": (
        'mutation($id: ID!) { addTaskComment(taskId: $id, message: "Hi") { comment { id } errors { code message path } } }', "task"
    ),
    "AgentInput.boardId": (SYNCED % f'agents: [{{ id: "{ABSENT}", name: "A", boardId: $id }}]', "board"),
    "TaskInput.boardId": (SYNCED % f'tasks: [{{ id: "{ABSENT}", title: "T", boardId: $id }}]', "board"),
    "BoardInput.projectId": (SYNCED % f'boards: [{{ id: "{ABSENT}", name: "B", projectId: $id }}]', "board"),
    "MembershipInput.userId": (SYNCED % "memberships: [{ userId: $id, role: OWNER }]", "user"),
    "BoardGrantInput.boardId": (
        SYNCED % "memberships: [{ userId: \"{member}\", role: MEMBER, grants: [{ boardId: $id }] }]", "board"
    ),
}  # fmt: skip
# The ids of the platform's own things: the same id may stand for another thing in each workspace.
SYNCED_ROWS: dict[str, tuple[str, str]] = {
    "BoardInput.id": (SYNCED % 'boards: [{ id: $id, name: "B" }]', "board"),
    "TaskInput.id": (SYNCED % 'tasks: [{ id: $id, title: "T" }]', "task"),
    "AgentInput.id": (SYNCED % 'agents: [{ id: $id, name: "A" }]', "agent"),
    "UserInput.id": (SYNCED % 'users: [{ id: $id, name: "U" }]', "user"),
    "ProjectInput.id": (SYNCED % 'projects: [{ id: $id, name: "P" }]', "board"),
}
ELSEWHERE = {
    "Subscription.commentAdded.boardId", "Subscription.commentAdded.taskId",  # below, by socket
    "LogActivityInput.correlationId",  # words of the caller's own, stored as they are
}  # fmt: skip


async def test_every_place_for_an_id_is_tried_here() -> None:
    places = set()
    for name, kind in build()._schema.type_map.items():
        if name.startswith("__"):
            continue
        if isinstance(kind, GraphQLInputObjectType):
            places |= {f"{name}.{key}" for key, field in kind.fields.items() if get_named_type(field.type).name == "ID"}
        for key, field in getattr(kind, "fields", {}).items():
            for argument, definition in getattr(field, "args", {}).items():
                if get_named_type(definition.type).name == "ID":
                    places.add(f"{name}.{key}.{argument}")
    tried = {*READS, *REFUSED_WRITES, *SYNCED_ROWS, *ELSEWHERE}
    assert {place for place in tried if "." in place} == places


@pytest.mark.parametrize("caller", CALLERS)
async def test_foreign_id_reads_like_an_absent_one(ask: Asking, caller: str) -> None:
    for place, (document, kind) in READS.items():
        absent = await ask.raw(caller, document, {"id": ABSENT})
        assert await ask.raw(caller, document, {"id": ask.id(GLOBEX[kind])}) == absent, place


@pytest.mark.parametrize("caller", CALLERS)
async def test_foreign_id_is_refused_like_an_absent_one_and_leaves_nothing(tell: Asking, caller: str) -> None:
    before = await contents(tell.shared.sql)
    for place, (document, kind) in REFUSED_WRITES.items():
        asked = document.replace("{member}", tell.id("member"))
        absent = await tell.raw(caller, asked, {"id": str(uuid4())})
        assert await tell.raw(caller, asked, {"id": tell.id(GLOBEX[kind])}) == absent, place
        assert b'"code":' in absent[1], place
    assert await contents(tell.shared.sql) == before


@pytest.mark.asyncio(loop_scope="function")  # what it makes would be found by the tests that share a server
async def test_foreign_id_is_synchronised_like_a_new_one_and_the_foreign_row_stays(
    gql: Client, server: RunningServer, world: World
) -> None:
    """Whoever knows an id of another workspace may use it for a thing of its own, and learns nothing by it."""
    service, answers = world.token("service"), {}
    async with connected(server) as sql:

        async def globex() -> list[Any]:
            return [
                await sql.fetch(f"SELECT * FROM {table} WHERE workspace_id = $1 ORDER BY id", UUID(world.globex))
                for table in ("boards", "tasks", "agents", "users", "projects", "events")
            ]

        before = await globex()
        for place, (document, kind) in SYNCED_ROWS.items():
            for name, used in (("new", str(uuid4())), ("foreign", world.id(GLOBEX[kind]))):
                await gql.data(document, {"id": used}, token=service)
                answers[name] = content_of(gql.last)
            assert answers["foreign"] == answers["new"], place
            assert b'{"upserted":1,"errors":[]}' in answers["new"], place
        assert await globex() == before


@pytest.mark.parametrize("caller", CALLERS)
async def test_cursor_of_another_workspace_is_refused_like_a_forged_one(ask: Asking, caller: str) -> None:
    globex = UUID(ask.world.globex)
    board = encode_name(DIRECTORY["boards"], globex, "Globex_board", UUID(ask.id("globex_board")))
    task = encode_name(DIRECTORY["tasks"], globex, "Globex task", UUID(ask.id("globex_task")))
    lists = {
        "activityEvents": (encode_sequence(globex, 1), ("after", "before")),
        "taskComments": (encode_sequence(globex, 4), ("after", "before")),
        "boards": (board, ("after",)),
        "tasks": (task, ("after",)),
    }
    for field, (foreign, arguments) in lists.items():
        for argument in arguments:
            document = f"query($cursor: String!) {{ {field}({argument}: $cursor) {{ pageInfo {{ hasNextPage }} }} }}"
            forged = await ask.raw(caller, document, {"cursor": "A" * len(foreign)})
            assert b'"code":"BAD_CURSOR"' in forged[1]
            assert await ask.raw(caller, document, {"cursor": foreign}) == forged, (field, argument)
            of_none = encode_sequence(uuid4(), 1)
            assert await ask.raw(caller, document, {"cursor": of_none}) == forged, (field, argument)


async def test_idempotency_key_of_another_workspace_answers_like_a_new_one(tell: Asking) -> None:
    document = """mutation($key: String!, $words: String!) {
      logActivity(input: { eventType: "custom.noted", message: $words, idempotencyKey: $key }) {
        event { message } replayed errors { code } } }"""
    for words in ("theirs", "ours"):  # the content that the key stands for there, and another
        used, new = str(uuid4()), str(uuid4())
        await tell.data("globex_owner", document, {"key": used, "words": "theirs"})
        answer = await tell.raw("owner", document, {"key": new, "words": words})
        assert b'"replayed":false,"errors":[]' in answer[1]
        assert await tell.raw("owner", document, {"key": used, "words": words}) == answer


async def test_workspace_that_is_not_ones_own_is_picked_like_an_absent_one(ask: Asking) -> None:
    answers = []
    for workspace in (ask.world.globex, str(uuid4())):
        headers = {"authorization": f"Bearer {ask.world.token('owner')}", "x-workspace": workspace}
        await ask.shared.gql("{ viewer { role } }", headers=headers)
        answers.append((ask.shared.gql.last.status_code, content_of(ask.shared.gql.last)))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


@pytest.mark.parametrize("caller", CALLERS)
async def test_subscription_to_something_foreign_is_as_silent_as_to_something_absent(tell: Asking, caller: str) -> None:
    comments, events = (
        "subscription($id: ID!) { commentAdded(%s: $id, since: \"2026-01-01T00:00:00Z\") { cursor } }",
        "subscription($id: ID!) { activityLogged(filter: { %s: [$id] }, since: \"2026-01-01T00:00:00Z\") { cursor } }",
    )  # fmt: skip
    asked = [
        *((comments % name, kind) for name, kind in (("boardId", "board"), ("taskId", "task"))),
        *((events % name, kind) for name, kind in (("boardId", "board"), ("taskId", "task"), ("actorId", "user"))),
    ]
    async with open_socket(tell.shared.server.ws, tell.world.token(caller)) as socket:
        for number, (document, kind) in enumerate(asked):
            await socket.subscribe(document, {"id": tell.id(GLOBEX[kind])}, f"foreign {number}")
            await socket.subscribe(document, {"id": ABSENT}, f"absent {number}")
        # A comment of theirs and one of ours; when ours has come to a reader of everything, theirs would have.
        remark = 'mutation($task: ID!) { addTaskComment(taskId: $task, message: "Hi") { comment { cursor } errors { code } } }'
        await tell.data("globex_owner", remark, {"task": tell.id("globex_task")})
        mine = 'mutation { logActivity(input: { eventType: "custom.noted", message: "mine" }) { event { cursor } } }'
        cursor = (await tell.data(caller, mine))["logActivity"]["event"]["cursor"]
        since = 'since: "2026-01-01T00:00:00Z"'
        everything = (
            f'subscription {{ activityLogged(filter: {{ eventType: ["custom.noted"] }}, {since}) {{ cursor }} }}'
        )
        await socket.subscribe(everything, operation="everything")
        frames = [json.dumps(await socket.receive())]
        while cursor not in frames[-1]:
            frames.append(json.dumps(await socket.receive()))
        assert {json.loads(text)["id"] for text in frames} == {"everything"}
