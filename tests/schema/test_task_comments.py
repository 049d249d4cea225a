"""Comments with the names around them: whoever wrote them, and whatever became of the task, the board and the author."""

from typing import Any

import asyncpg
import pytest

from tests.access.effects import connected
from tests.schema.conftest import Reading
from tests.support.clients import Client
from tests.support.serving import RunningServer
from tests.support.world import World

COMMENTS = """query($board: ID, $task: ID, $since: DateTime, $until: DateTime, $direction: OrderDirection! = DESC) {
  taskComments(boardId: $board, taskId: $task, since: $since, until: $until, direction: $direction) { nodes {
    id message createdAt author { kind id name role } agentId agentName agentRole userId
    taskId taskTitle task { id title status isDeleted board { name } } boardId boardName board { id name isDeleted } } } }"""
SYNC = "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { upserted errors { message } } }"


@pytest.mark.asyncio(loop_scope="session")
async def test_comment_of_an_agent_and_of_a_person_carry_their_own_names(read: Reading) -> None:
    answer = await read.data(COMMENTS, {"task": read.world.id("alpha_task")})
    of_agent, of_person, of_owner = answer["taskComments"]["nodes"]
    alpha = {"id": read.world.id("alpha"), "name": "Alpha", "isDeleted": False}
    around = {
        "taskId": read.world.id("alpha_task"),
        "taskTitle": "Alpha task",
        "task": {
            "id": read.world.id("alpha_task"), "title": "Alpha task", "status": "todo", "isDeleted": False, "board": {"name": "Alpha"},
        },
        "boardId": read.world.id("alpha"),
        "boardName": "Alpha",
        "board": alpha,
    }  # fmt: skip
    assert of_agent == {
        "id": read.world.events["bot_alpha"],
        "message": "I ran the export: 3 invoices fail",
        "createdAt": read.created_at("bot_alpha").isoformat(),
        "author": {"kind": "AGENT", "id": read.world.id("bot"), "name": "Bot", "role": "researcher"},
        "agentId": read.world.id("bot"),
        "agentName": "Bot",
        "agentRole": "researcher",
        "userId": None,
        **around,
    }
    assert of_person == {
        "id": read.world.events["member_alpha"],
        "message": "On it, invoice first",
        "createdAt": read.created_at("member_alpha").isoformat(),
        "author": {"kind": "USER", "id": read.world.id("member"), "name": "Mia", "role": "person"},
        "agentId": None,
        "agentName": None,
        "agentRole": None,
        "userId": read.world.id("member"),
        **around,
    }
    assert of_owner["author"]["name"] == "Olive"


@pytest.mark.asyncio(loop_scope="session")
async def test_comments_are_narrowed_by_board_task_and_time(read: Reading) -> None:
    everything = ["owner_alpha", "member_alpha", "bot_alpha", "builder_alpha", "owner_beta", "bot_gamma", "owner_gamma"]
    at = {name: read.created_at(name).isoformat() for name in everything}
    board, task = read.world.id("alpha"), read.world.id("alpha_task")
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, everything),
        ({"board": board}, everything[:4]),
        ({"task": task}, everything[:3]),
        ({"board": board, "task": task}, everything[:3]),
        ({"board": read.world.id("beta"), "task": task}, []),
        ({"since": at["builder_alpha"]}, everything[3:]),
        ({"until": at["builder_alpha"]}, everything[:3]),
        ({"since": at["member_alpha"], "until": at["owner_beta"], "board": board}, everything[1:4]),
        ({"since": at["owner_gamma"], "until": at["owner_gamma"]}, []),
    ]
    for wanted, names in cases:
        for direction, expected in (("ASC", names), ("DESC", names[::-1])):
            answer = await read.data(COMMENTS, {**wanted, "direction": direction})
            assert read.names(answer["taskComments"]["nodes"]) == expected, (wanted, direction)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("variables", "message", "path"),
    [
        ({"board": "alpha"}, "boardId must be a UUID.", ["boardId"]),
        ({"task": "1"}, "taskId must be a UUID.", ["taskId"]),
        ({"since": "0001-01-01T00:00:00Z"}, "since must lie between 2 and 9998.", ["since"]),
        ({"until": "9999-12-31T00:00:00Z"}, "until must lie between 2 and 9998.", ["until"]),
    ],
)
async def test_bad_argument_is_refused(read: Reading, variables: dict[str, str], message: str, path: list[str]) -> None:
    assert await read.refusal(COMMENTS, variables) == {"message": message, "code": "BAD_USER_INPUT", "path": path}


async def test_comments_on_what_was_deleted_stay_with_the_last_known_names(gql: Client, world: World) -> None:
    rows = {
        "tasks": [{"id": world.id("alpha_task2"), "title": "Renamed, then removed", "isDeleted": True}],
        "boards": [{"id": world.id("alpha"), "name": "Alpha, closed", "isDeleted": True}],
        "agents": [{"id": world.id("builder"), "name": "Another name", "role": "retired", "isDeleted": True}],
    }
    answer = await gql.data(SYNC, {"input": rows}, token=world.token("service"))
    assert answer == {"syncDirectory": {"upserted": 3, "errors": []}}
    answer = await gql.data(COMMENTS, {"task": world.id("alpha_task2")}, token=world.token("owner"))
    [comment] = answer["taskComments"]["nodes"]
    # The author as it was then; task and board by their last name.
    assert (comment["agentName"], comment["agentRole"], comment["author"]["name"]) == ("Builder", "engineer", "Builder")
    assert (comment["taskTitle"], comment["boardName"]) == ("Renamed, then removed", "Alpha, closed")
    assert comment["task"] == {
        "id": world.id("alpha_task2"),
        "title": "Renamed, then removed",
        "status": "todo",
        "isDeleted": True,
        "board": {"name": "Alpha, closed"},
    }
    assert comment["board"] == {"id": world.id("alpha"), "name": "Alpha, closed", "isDeleted": True}


async def test_comment_on_a_task_without_a_board_has_none(gql: Client, world: World) -> None:
    add = 'mutation($task: ID!) { addTaskComment(taskId: $task, message: "Loose") { errors { message } } }'
    await gql.data(add, {"task": world.id("loose_task")}, token=world.token("owner"))
    answer = await gql.data(COMMENTS, {"task": world.id("loose_task")}, token=world.token("owner"))
    [comment] = answer["taskComments"]["nodes"]
    assert (comment["boardId"], comment["boardName"], comment["board"], comment["task"]["board"]) == (
        None,
        None,
        None,
        None,
    )
    assert comment["taskTitle"] == "Loose task"


@pytest.mark.parametrize("message", ["", " ", "\n\t ", "\u00a0\u2003"])
async def test_blank_comment_is_refused_on_every_way(
    server: RunningServer, gql: Client, world: World, message: str
) -> None:
    add = """mutation($task: ID!, $message: String!) { addTaskComment(taskId: $task, message: $message) {
      comment { id } errors { code path } } }"""
    answer = await gql.data(add, {"task": world.id("alpha_task"), "message": message}, token=world.token("owner"))
    assert answer == {"addTaskComment": {"comment": None, "errors": [{"code": "INVALID", "path": ["message"]}]}}
    given = {"eventType": "task.comment", "taskId": world.id("alpha_task"), "message": message}
    log = "mutation($input: LogActivityInput!) { logActivity(input: $input) { event { id } errors { code path } } }"
    answer = await gql.data(log, {"input": given}, token=world.token("owner"))
    assert answer == {"logActivity": {"event": None, "errors": [{"code": "INVALID", "path": ["input", "message"]}]}}
    # Not even who owns the tables can write one.
    async with connected(server) as sql:
        with pytest.raises(asyncpg.CheckViolationError, match="events_comment_check"):
            await sql.execute(
                "INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object('sequence', 1000, 'id', gen_random_uuid(),"
                " 'message', $1::text))).* FROM events AS e WHERE e.id = $2",
                message,
                world.events["bot_alpha"],
            )
