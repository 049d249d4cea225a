"""When the directory changes: what moved to a hidden place is hidden, what is deleted keeps its history, tenants stay apart."""

from typing import Any
from uuid import uuid4

from tests.access.effects import connected
from tests.access.rules import ABSENT
from tests.access.test_streams import followers
from tests.support.clients import Client, content_of, open_socket
from tests.support.serving import RunningServer
from tests.support.waiting import until
from tests.support.world import World

SYNC = (
    "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { upserted errors { code message path } } }"
)


async def sync(gql: Client, token: str, **rows: Any) -> None:
    answer = await gql.data(SYNC, {"input": rows}, token=token)
    assert answer == {"syncDirectory": {"upserted": sum(map(len, rows.values())), "errors": []}}


async def test_task_that_moved_to_a_hidden_board_keeps_that_board_secret(gql: Client, world: World) -> None:
    task = {"id": world.id("alpha_task"), "title": "Moved", "boardId": world.id("gamma")}
    await sync(gql, world.token("service"), tasks=[task])
    document = """query($task: ID!, $event: ID!) {
      taskComments(taskId: $task, last: 1) { nodes { boardName taskTitle board { id } task { title board { name } } } }
      activityEvent(id: $event) { board { name } task { title board { name } } } }"""
    variables = {"task": world.id("alpha_task"), "event": world.events["bot_alpha"]}
    for caller, now_on in (("member", None), ("owner", {"name": "Gamma"}), ("bot", {"name": "Gamma"})):
        moved: dict[str, Any] = {"title": "Moved", "board": now_on}
        comment = {"boardName": "Alpha", "taskTitle": "Moved", "board": {"id": world.id("alpha")}, "task": moved}
        assert await gql.data(document, variables, token=world.token(caller)) == {
            "taskComments": {"nodes": [comment]},
            "activityEvent": {"board": {"name": "Alpha"}, "task": moved},
        }, caller
    # The task itself is no longer the member's to find, while what was said on the board it reads stays.
    found = 'query($id: ID!) { node(id: $id) { id } tasks(text: "Moved") { nodes { id } } }'
    answer = await gql(found, {"id": world.id("alpha_task")}, token=world.token("member"))
    assert answer["data"] == {"node": None, "tasks": {"nodes": []}}
    hidden = content_of(gql.last)
    await gql(found, {"id": ABSENT}, token=world.token("member"))
    assert content_of(gql.last) == hidden
    remark = 'mutation($task: ID!) { addTaskComment(taskId: $task, message: "There?") { errors { code } } }'
    answer = await gql.data(remark, {"task": world.id("alpha_task")}, token=world.token("member"))
    assert answer == {"addTaskComment": {"errors": [{"code": "NOT_FOUND"}]}}


async def test_deleting_what_events_name_leaves_the_events_and_their_names(gql: Client, world: World) -> None:
    await sync(
        gql,
        world.token("service"),
        tasks=[{"id": world.id("gamma_task"), "title": "Gamma task", "isDeleted": True}],
        boards=[{"id": world.id("gamma"), "name": "Gamma", "isDeleted": True}],
        agents=[{"id": world.id("bot"), "name": "Bot", "isDeleted": True}],
        users=[{"id": world.id("stranger"), "isDeleted": True}],
    )
    document = """query($event: ID!) { activityEvent(id: $event) {
      actor { name role } board { name isDeleted } task { title isDeleted } entityName }
      activityEvents { totalCount { count } } }"""
    assert await gql.data(document, {"event": world.events["bot_gamma"]}, token=world.token("owner")) == {
        "activityEvent": {
            "actor": {"name": "Bot", "role": "researcher"},
            "board": {"name": "Gamma", "isDeleted": True},
            "task": {"title": "Gamma task", "isDeleted": True},
            "entityName": "Gamma task",
        },
        "activityEvents": {"totalCount": {"count": 20}},
    }


async def test_service_of_one_workspace_cannot_touch_the_rows_of_another(gql: Client, world: World) -> None:
    """The same id in another workspace is another thing: it is made there, and nothing of the first one changes."""
    boards = (
        "{ boards { nodes { id name } } users { nodes { name } } agents { nodes { name } } tasks { nodes { title } } }"
    )
    before = await gql.data(boards, token=world.token("owner"))
    answer = await gql.data(
        SYNC,
        {
            "input": {
                "boards": [{"id": world.id("alpha"), "name": "Stolen", "isDeleted": True}],
                "tasks": [{"id": world.id("alpha_task"), "title": "Stolen", "isDeleted": True}],
                "agents": [{"id": world.id("bot"), "name": "Stolen", "isDeleted": True}],
                "users": [{"id": world.id("owner"), "name": "Stolen", "isDeleted": True}],
                "memberships": [{"userId": world.id("member"), "role": "OWNER"}],
            }
        },
        token=world.token("globex_service"),
    )
    assert answer["syncDirectory"]["upserted"] == 4
    assert [error["path"] for error in answer["syncDirectory"]["errors"]] == [["input", "memberships", "0", "userId"]]
    assert await gql.data(boards, token=world.token("owner")) == before


async def test_stream_keeps_the_board_secret_to_which_a_task_moved(server: RunningServer, world: World) -> None:
    """A delivery is read once for everybody, so what a reader may not know of it is taken out when it is handed over."""
    document = "subscription { activityLogged { board { name } task { title board { name } } } }"
    async with (
        open_socket(server.ws, world.token("member")) as member,
        open_socket(server.ws, world.token("owner")) as owner,
        connected(server) as sql,
    ):
        for socket in (member, owner):
            await socket.subscribe(document)
        await until(lambda: followers(server, world, "acme") == 2)
        # In one transaction, so that the reader of the log cannot come between: the task moves, and an event on it is written.
        async with sql.transaction():
            await sql.execute("UPDATE tasks SET board_id = $1 WHERE id = $2", world.id("gamma"), world.id("alpha_task"))
            place = await sql.fetchval(
                "UPDATE heads SET last_sequence = last_sequence + 1 WHERE workspace_id = $1 RETURNING last_sequence",
                world.acme,
            )
            await sql.execute(
                "INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object('sequence', $1::bigint, 'id', $2::uuid))).*"
                " FROM events AS e WHERE e.id = $3",
                place,
                uuid4(),
                world.events["bot_alpha"],
            )
            await sql.execute("SELECT pg_notify('trailcast', 'resync')")
        for socket, now_on in ((member, None), (owner, {"name": "Gamma"})):
            task = {"title": "Alpha task", "board": now_on}
            assert await socket.next() == {"data": {"activityLogged": {"board": {"name": "Alpha"}, "task": task}}}
