"""With every predicate of ours gone, PostgreSQL still shows nobody a row of another workspace, on any path.

The same asks with the second wall down as well do show them: what proves nothing there would prove nothing here.
"""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.access.rules import LOG
from tests.conftest import TEMPLATE
from tests.isolation.without_predicates import predicates_down, without_workspaces
from tests.schema.servers import Shared, shared_server
from tests.support.clients import open_socket
from tests.support.world import World
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.rollups import roll_up_all

EVENT = "id sequence message eventType actor { id name } board { id name } task { id title } metadata changes { path } ipAddress"
PAGE = f"edges {{ cursor node {{ {EVENT} }} }} nodes {{ id }} totalCount {{ count isExact }}"
EPOCH = "2000-01-01T00:00:00Z"
# Everything that reads, asked so that it reaches as far as it can; `$other` is a thing of the other workspace of each kind.
PATHS: dict[str, str] = {
    "list": f"{{ activityEvents(first: 200) {{ {PAGE} }} }}",
    "list by offset": f"{{ activityEvents(first: 200, offset: 1) {{ {PAGE} }} }}",
    "list of its board": f'query($board: ID!) {{ activityEvents(first: 200, filter: {{boardId: [$board]}}) {{ {PAGE} }} }}',
    "list of its actor": f'query($user: ID!) {{ activityEvents(first: 200, filter: {{actorId: [$user]}}) {{ {PAGE} }} }}',
    "list by text": f'{{ activityEvents(first: 200, filter: {{text: "globex"}}) {{ {PAGE} }} }}',
    "list by time": f'{{ activityEvents(first: 200, filter: {{since: "{EPOCH}"}}) {{ {PAGE} }} }}',
    "event": f"query($event: ID!) {{ activityEvent(id: $event) {{ {EVENT} }} }}",
    "node": "query($event: ID!, $board: ID!, $task: ID!, $user: ID!, $agent: ID!) {"
    " e: node(id: $event) { id } b: node(id: $board) { id } t: node(id: $task) { id } u: node(id: $user) { id } "
    "a: node(id: $agent) { id } }",
    "trail": f'query($task: ID!) {{ auditTrail(entityType: "task", entityId: $task) {{'
    f" firstEvent {{ {EVENT} }} lastEvent {{ id message }} contributors {{ actor {{ id name }} count }} events {{ {PAGE} }} }} }}",
    "comments": "{ taskComments(first: 200) {"
    " nodes { id message agentName taskTitle boardName board { id } task { id } } totalCount { count } } }",
    "comments of its board": "query($board: ID!) {"
    " taskComments(boardId: $board, first: 200) { nodes { id message } totalCount { count } } }",
    "metrics": f'{{ activityMetrics(since: "{EPOCH}", bucket: MONTH) {{ total failed errorRatePct'
    " byActor: breakdown(by: ACTOR) { key label total } byBoard: breakdown(by: BOARD) { key label total }"
    " byTask: breakdown(by: TASK) { key label total } byAgent: breakdown(by: AGENT) { key label total } } }",
    "rolled up by board": f'{{ activityMetrics(since: "{EPOCH}") {{ breakdown(by: BOARD) {{ key label total }} }} }}',
    "rolled up by actor": f'{{ activityMetrics(since: "{EPOCH}") {{ total breakdown(by: ACTOR) {{ key label total }} }} }}',
    "boards": "{ boards(first: 200) { nodes { id name } } }",
    "agents": "{ agents(first: 200) { nodes { id name board { id name } } } }",
    "users": "{ users(first: 200) { nodes { id name } } }",
    "tasks": "{ tasks(first: 200) { nodes { id title board { id } } } }",
    "viewer": "{ viewer { actor { id name } workspace { id name } boards { board { id name } canWrite } } }",
}  # fmt: skip
OTHERS = {"board": "globex_board", "task": "globex_task", "user": "globex_owner", "agent": "globex_agent"}
CALLERS = ("owner", "member", "bot", "service")
WALL_DOWN = """
    DO $$ DECLARE walled record; BEGIN
        FOR walled IN SELECT oid::regclass AS name FROM pg_class WHERE relrowsecurity LOOP
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', walled.name);
        END LOOP;
    END $$;
    CREATE OR REPLACE VIEW trailcast_read.events AS SELECT * FROM public.events;
"""


@pytest_asyncio.fixture(loop_scope="module")
async def shared(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Shared]:
    async with shared_server(postgres, TEMPLATE) as shared:
        assert await roll_up_all(shared.server.database, 1000) == 2
        yield shared


async def marks(shared: Shared, world: World) -> set[str]:
    """What only Globex has: the ids of its rows and the words in them that Acme does not know."""
    found: dict[str, set[str]] = {world.acme: set(), world.globex: set()}
    for table, columns in (
        ("events", "id, message"), ("boards", "id, name"), ("tasks", "id, title"), ("agents", "id, name"), ("users", "id, name"),
        ("services", "id, name"), ("workspaces", "id, name"),
    ):  # fmt: skip
        home = "id" if table == "workspaces" else "workspace_id"
        for row in await shared.sql.fetch(f"SELECT {home} AS home, {columns} FROM {table}"):
            found[str(row["home"])] |= {str(value) for value in list(row)[1:] if value}
    only = found[world.globex] - found[world.acme]
    assert len(only) > 15
    return only


async def leaks(shared: Shared, world: World) -> dict[tuple[str, str], set[str]]:
    """What of the other workspace each caller was shown, by path."""
    of_globex = await marks(shared, world)
    events = await shared.sql.fetch("SELECT id FROM events WHERE workspace_id = $1", UUID(world.globex))
    given = {name: world.id(thing) for name, thing in OTHERS.items()} | {"event": str(events[-1]["id"])}
    found = {}
    for path, document in PATHS.items():
        variables = {name: value for name, value in given.items() if f"${name}:" in document}
        for caller in CALLERS:
            answer = await shared.gql(document, variables, token=world.token(caller))
            # What it asked for it may be told again: in a message about a bad argument, say.
            text = json.dumps(answer.get("data"))
            shown = {mark for mark in of_globex if mark in text}
            if shown:
                found[path, caller] = shown
    return found


@pytest.mark.asyncio(loop_scope="module")
async def test_no_path_shows_a_row_of_another_workspace(shared: Shared, world: World) -> None:
    acme = len(LOG["acme"])
    with predicates_down(shared.server.database) as stripped:
        assert await leaks(shared, world) == {}
        for caller in CALLERS:  # all of the workspace, since nothing of ours holds it back, and not an event more
            data = await shared.gql.data(
                '{ activityEvents { totalCount { count } } activityMetrics(since: "2000-01-01T00:00:00Z") { total } }',
                token=world.token(caller),
            )
            assert data == {"activityEvents": {"totalCount": {"count": acme}}, "activityMetrics": {"total": acme}}
    assert len(stripped) > len(CALLERS) * len(PATHS) / 2


@pytest.mark.asyncio(loop_scope="module")
async def test_the_same_asks_show_them_once_both_walls_are_down(shared: Shared, world: World) -> None:
    await shared.sql.execute(WALL_DOWN)
    assert await leaks(shared, world) == {}  # the first wall holds by itself, too
    with predicates_down(shared.server.database):
        found = await leaks(shared, world)
    assert {path for path, _ in found} == set(PATHS)
    ready = await shared.gql._http.get(shared.server.http.replace("/graphql", "/readyz"))
    assert ready.status_code == 503
    assert "row-level security" in ready.json()["checks"]["roles"]


@pytest.mark.asyncio(loop_scope="module")
async def test_no_stream_brings_an_event_of_another_workspace(shared: Shared, world: World) -> None:
    """Replayed and live, with text and without: what stands in the log of Acme, whole and in order, and nothing else."""
    document = f'subscription {{ activityLogged(since: "{EPOCH}") {{ message sequence }} }}'
    log = 'mutation($m: String!) { logActivity(input: {eventType: "a.b", message: $m}) { errors { message } } }'
    with predicates_down(shared.server.database):
        async with open_socket(shared.server.ws, world.token("admin")) as socket:
            await socket.subscribe(document)
            replayed = [(await socket.next())["data"]["activityLogged"]["sequence"] for _ in LOG["acme"]]
            for caller, message in (("globex_owner", "of globex"), ("owner", "of acme")) * 3:
                await shared.gql.data(log, {"m": message}, token=world.token(caller))
            live = [(await socket.next())["data"]["activityLogged"]["message"] for _ in range(3)]
    assert replayed == [str(number) for number in range(1, len(LOG["acme"]) + 1)]
    assert live == ["of acme"] * 3


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_is_written_into_another_workspace(shared: Shared, world: World) -> None:
    """A board, a task and an actor of the other workspace are as absent as any; its directory and its log stay as they are."""
    board, task, user = (world.id(OTHERS[name]) for name in ("board", "task", "user"))
    log = "mutation($input: LogActivityInput!) { logActivity(input: $input) { event { id } errors { code path } } }"
    tables = ("events", "heads", "boards", "tasks", "users", "agents", "memberships", "board_grants")
    before = [
        await shared.sql.fetch(f"SELECT * FROM {table} WHERE workspace_id = $1 ORDER BY 1, 2", UUID(world.globex))
        for table in tables
    ]
    with predicates_down(shared.server.database):
        for given, where in (
            ({"boardId": board}, "boardId"), ({"taskId": task}, "taskId"), ({"actor": {"kind": "USER", "id": user}}, "actor"),
        ):  # fmt: skip
            data = await shared.gql.data(log, {"input": {"eventType": "a.b", **given}}, token=world.token("service"))
            assert data == {"logActivity": {"event": None, "errors": [{"code": "NOT_FOUND", "path": ["input", where]}]}}
        sync = "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { upserted errors { code } } }"
        rows: dict[str, list[dict[str, Any]]] = {
            "boards": [{"id": board, "name": "Taken"}],
            "memberships": [{"userId": user, "role": "MEMBER", "isDeleted": True}],
        }
        data = await shared.gql.data(sync, {"input": rows}, token=world.token("service"))
        # The board becomes one of Acme's own, whose id happens to be the same; the other user is nobody there.
        assert data == {"syncDirectory": {"upserted": 1, "errors": [{"code": "NOT_FOUND"}]}}
    after = [
        await shared.sql.fetch(f"SELECT * FROM {table} WHERE workspace_id = $1 ORDER BY 1, 2", UUID(world.globex))
        for table in tables
    ]
    assert after == before


def test_the_test_build_strips_what_it_should() -> None:
    """Were this to find nothing, the walls would be tried by statements that need none."""
    joined = "SELECT 1 FROM events JOIN boards ON boards.workspace_id = events.workspace_id WHERE "
    assert without_workspaces(f"{joined}events.workspace_id = $1::UUID AND a = $2") == (
        f"{joined}(events.workspace_id = $1::UUID OR true) AND a = $2"
    )
