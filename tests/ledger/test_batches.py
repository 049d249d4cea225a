"""`logActivities`: all or nothing, every problem of every event at once, and a thousand events at the price of a few statements."""

from typing import Any
from uuid import UUID

import asyncpg

from tests.ledger.drafts import last_sequence, read_log
from tests.support.clients import Client, Statements, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.ledger.arrays import FIND_KEYS, LOCK_HEADS, MOVE_HEADS_AND_INSERT
from trailcast.ledger.cursor import encode_sequence

LOG_MANY = """
mutation ($inputs: [LogActivityInput!]!) {
  logActivities(inputs: $inputs) { events { sequence message } errors { code path } }
}
"""
FOLLOW = (
    'subscription ($after: String!) { activityLogged(filter: {eventTypePrefix: "task."}, after: $after) { message } }'
)
BATCH_EVENTS_MAX = 1000
DIRECTORY = ("boards", "tasks", "agents", "users", "services")
GOOD = {"eventType": "task.updated", "message": "good"}


async def test_a_thousand_events_take_as_many_statements_as_one(
    gql: Client, world: World, owner: asyncpg.Connection, statements: Statements
) -> None:
    """Whatever they name, and with a key each."""
    ran = []
    for count in (1, BATCH_EVENTS_MAX):
        before = await last_sequence(owner, world.acme)
        named = {
            "taskId": world.id("alpha_task"),
            "boardId": world.id("alpha"),
            "actor": {"kind": "AGENT", "id": world.id("bot")},
            "onBehalfOf": {"kind": "USER", "id": world.id("member")},
        }
        inputs = [
            {**GOOD, **named, "message": str(number), "idempotencyKey": f"{number} of {count}"}
            for number in range(count)
        ]
        statements.texts.clear()
        answer = await gql.data(LOG_MANY, {"inputs": inputs}, token=world.token("service"))
        ran.append([text for text in statements.texts if "credentials" not in text])
        expected = [(before + 1 + number, str(number)) for number in range(count)]
        assert answer["logActivities"]["errors"] == []
        shown = [(int(event["sequence"]), event["message"]) for event in answer["logActivities"]["events"]]
        assert shown == expected
        assert (await read_log(owner, world.acme))[before:] == expected
    assert ran[0] == ran[1]
    looked_up, *rest = ran[0]
    assert [table for table in DIRECTORY if f" {table} " in looked_up] == ["boards", "tasks", "agents", "users"]
    assert rest == [LOCK_HEADS, FIND_KEYS, MOVE_HEADS_AND_INSERT]


async def test_one_event_too_many_is_refused(gql: Client, world: World, owner: asyncpg.Connection) -> None:
    before = await last_sequence(owner, world.acme)
    inputs = [GOOD] * (BATCH_EVENTS_MAX + 1)
    answer = await gql(LOG_MANY, {"inputs": inputs}, token=world.token("service"))
    assert answer["data"] is None
    [error] = answer["errors"]
    assert error["message"] == "inputs may have 1000 events."
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "path": ["inputs"]}
    assert await last_sequence(owner, world.acme) == before


async def test_an_empty_batch_writes_nothing(gql: Client, world: World, owner: asyncpg.Connection) -> None:
    before = await last_sequence(owner, world.acme)
    answer = await gql.data(LOG_MANY, {"inputs": []}, token=world.token("service"))
    assert answer["logActivities"] == {"events": [], "errors": []}
    assert await last_sequence(owner, world.acme) == before


async def test_every_problem_of_every_event_is_named_by_index_and_nothing_is_written_or_rung(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    before = await last_sequence(owner, world.acme)
    inputs: list[dict[str, Any]] = [
        GOOD,
        {"eventType": "Task Updated", "message": "x" * 16_385},
        GOOD,
        {"eventType": "task.comment", "message": "  "},
        {"eventType": "task.updated", "boardId": world.id("gamma")},
        {"eventType": "task.updated", "boardId": world.id("beta")},
        {"eventType": "task.updated", "actor": {"kind": "USER", "id": world.id("owner")}},
        {"eventType": "task.updated", "changes": [{"path": "a"}, {"path": ""}]},
    ]
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, {"after": encode_sequence(UUID(world.acme), before)})
        answer = await gql.data(LOG_MANY, {"inputs": inputs}, token=world.token("member"))
        assert answer["logActivities"] == {
            "events": [],
            "errors": [
                {"code": "INVALID", "path": ["inputs", "1", "eventType"]},
                {"code": "TOO_LARGE", "path": ["inputs", "1", "message"]},
                {"code": "INVALID", "path": ["inputs", "3", "message"]},
                {"code": "INVALID", "path": ["inputs", "3", "taskId"]},
                {"code": "NOT_FOUND", "path": ["inputs", "4", "boardId"]},
                {"code": "FORBIDDEN", "path": ["inputs", "5", "boardId"]},
                {"code": "FORBIDDEN", "path": ["inputs", "6", "actor"]},
                {"code": "INVALID", "path": ["inputs", "7", "changes", "1", "path"]},
            ],
        }
        assert await last_sequence(owner, world.acme) == before
        # The next item shows that none came before it.
        await gql.data(LOG_MANY, {"inputs": [GOOD]}, token=world.token("service"))
        assert await socket.next() == {"data": {"activityLogged": {"message": "good"}}}


async def test_a_batch_reaches_a_follower_whole_and_in_order(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    count = 500
    before = await last_sequence(owner, world.acme)
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, {"after": encode_sequence(UUID(world.acme), before)})
        inputs = [{**GOOD, "message": str(number)} for number in range(count)]
        await gql.data(LOG_MANY, {"inputs": inputs}, token=world.token("service"))
        received = [(await socket.next())["data"]["activityLogged"]["message"] for _ in range(count)]
    assert received == [str(number) for number in range(count)]
