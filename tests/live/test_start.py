"""Where a subscription begins, over a real socket: after a cursor, since a time, or now; and that a reader may leave and come back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.ledger.drafts import last_sequence
from tests.live.sockets import FOLLOW, cursor, say, until_waiting
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer
from tests.support.world import ACME_EVENTS, World

COMMENTS = """
subscription ($boardId: ID, $taskId: ID, $after: String, $since: DateTime) {
  commentAdded(boardId: $boardId, taskId: $taskId, after: $after, since: $since) {
    cursor message taskTitle boardName agentName agentRole author { kind name }
  }
}
"""


async def take(socket: Socket, count: int) -> list[dict[str, Any]]:
    """The events of the next so many items."""
    return [(await socket.next())["data"]["activityLogged"] for _ in range(count)]


@pytest.fixture
async def end(owner: asyncpg.Connection, world: World) -> int:
    """Where Acme's log ends when the test begins."""
    return await last_sequence(owner, world.acme)


async def test_without_a_start_only_what_comes_is_sent(
    gql: Client, server: RunningServer, world: World, end: int
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW)
        await until_waiting(server, 1)
        await say(gql, world, "one", "two")
        assert await take(socket, 2) == [
            {"sequence": str(end + 1), "cursor": cursor(world, end + 1), "message": "one"},
            {"sequence": str(end + 2), "cursor": cursor(world, end + 2), "message": "two"},
        ]


@pytest.mark.parametrize("behind", [0, 1, 9])
async def test_after_a_cursor_what_was_missed_is_sent_and_then_what_comes(
    gql: Client, server: RunningServer, world: World, end: int, behind: int
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, {"after": cursor(world, end - behind)})
        missed = await take(socket, behind)
        await say(gql, world, "live")
        received = missed + await take(socket, 1)
    assert [int(event["sequence"]) for event in received] == list(range(end - behind + 1, end + 2))
    assert received[-1]["message"] == "live"


async def test_after_the_cursor_before_the_first_event_the_whole_log_is_sent(
    server: RunningServer, world: World, end: int
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, {"after": cursor(world, 0)})
        assert [int(event["sequence"]) for event in await take(socket, end)] == list(range(1, end + 1))


async def test_the_cursor_of_a_query_and_that_of_an_item_are_one(
    gql: Client, server: RunningServer, world: World, end: int
) -> None:
    page = "{ activityEvents(first: 3) { pageInfo { startCursor endCursor } edges { cursor node { cursor } } } }"
    data = await gql.data(page, token=world.token("owner"))
    edges = data["activityEvents"]["edges"]
    assert [edge["cursor"] for edge in edges] == [edge["node"]["cursor"] for edge in edges]
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, {"after": data["activityEvents"]["pageInfo"]["endCursor"]})
        assert [event["cursor"] for event in await take(socket, 2)] == [edges[1]["cursor"], edges[0]["cursor"]]


async def test_a_reader_that_leaves_and_comes_back_with_its_last_cursor_misses_nothing(
    gql: Client, server: RunningServer, world: World, end: int
) -> None:
    received: list[dict[str, Any]] = []
    after = cursor(world, end)
    for visit in range(4):
        await say(gql, world, f"away {visit}", f"away again {visit}")
        async with open_socket(server.ws, world.token("owner")) as socket:
            await socket.subscribe(FOLLOW, {"after": after})
            received += await take(socket, 2)
            await until_waiting(server, 1)
            await say(gql, world, f"there {visit}")
            received += await take(socket, 1)
            after = received[-1]["cursor"]
    assert [int(event["sequence"]) for event in received] == list(range(end + 1, end + 13))
    assert [event["message"] for event in received[:3]] == ["away 0", "away again 0", "there 0"]


async def test_since_a_time_replays_from_it_on(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection, end: int
) -> None:
    await say(gql, world, "at")
    moment = await owner.fetchval("SELECT created_at FROM events WHERE sequence = $1", end + 1)
    starts = {moment: end + 1, moment + timedelta(microseconds=1): end + 2, moment - timedelta(days=9): 1}
    for since, first in starts.items():
        async with open_socket(server.ws, world.token("owner")) as socket:
            await socket.subscribe(FOLLOW, {"since": since.isoformat()})
            await until_waiting(server, 1)
            await say(gql, world, "live")
            last = await last_sequence(owner, world.acme)
            received = await take(socket, last + 1 - first)
        assert [int(event["sequence"]) for event in received] == list(range(first, last + 1))


async def test_since_a_time_to_come_sends_nothing_from_before_it(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    now = datetime.now(UTC)
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, {"since": (now + timedelta(minutes=30)).isoformat()})
        await until_waiting(server, 1)
        await say(gql, world, "too early")
        await owner.execute("UPDATE heads SET last_created_at = $1", now + timedelta(hours=1))
        await say(gql, world, "in time")
        assert [event["message"] for event in await take(socket, 1)] == ["in time"]


async def test_comments_of_a_board_a_task_or_all_are_sent_with_the_names_around_them(
    gql: Client, server: RunningServer, world: World, end: int
) -> None:
    add = "mutation ($task: ID!, $message: String!) { addTaskComment(taskId: $task, message: $message) { errors { code } } }"
    wanted: dict[str, tuple[dict[str, str], list[str]]] = {
        "all": ({}, ["on alpha", "on alpha 2", "on beta"]),
        "board": ({"boardId": world.id("alpha")}, ["on alpha", "on alpha 2"]),
        "task": ({"taskId": world.id("alpha_task2")}, ["on alpha 2"]),
        "both": ({"boardId": world.id("beta"), "taskId": world.id("beta_task")}, ["on beta"]),
    }
    async with open_socket(server.ws, world.token("member")) as socket:
        for operation, (variables, _) in wanted.items():
            await socket.subscribe(COMMENTS, variables, operation)
        await until_waiting(server, len(wanted))
        for task, message in (("alpha_task", "on alpha"), ("alpha_task2", "on alpha 2"), ("beta_task", "on beta")):
            await gql.data(add, {"task": world.id(task), "message": message}, token=world.token("bot"))
        received: dict[str, list[dict[str, Any]]] = {operation: [] for operation in wanted}
        for _ in range(sum(len(messages) for _, messages in wanted.values())):
            frame = await socket.receive()
            received[frame["id"]].append(frame["payload"]["data"]["commentAdded"])
    assert {operation: [item["message"] for item in items] for operation, items in received.items()} == {
        operation: messages for operation, (_, messages) in wanted.items()
    }
    assert received["both"] == [
        {
            "cursor": cursor(world, end + 3),
            "message": "on beta",
            "taskTitle": "Beta task",
            "boardName": "Beta",
            "agentName": "Bot",
            "agentRole": "researcher",
            "author": {"kind": "AGENT", "name": "Bot"},
        }
    ]


async def test_comments_are_replayed_too(server: RunningServer, world: World) -> None:
    messages = [given.message for _, _, given in ACME_EVENTS if given.event_type == "task.comment"]
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(COMMENTS, {"after": cursor(world, 0)})
        received = [(await socket.next())["data"]["commentAdded"]["message"] for _ in messages]
    assert received == messages
