"""Idempotency keys, through the API: a retry never writes twice, whoever races, and a key never stands for two events."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.ledger.drafts import last_sequence
from tests.support.clients import Client
from tests.support.serving import RunningServer, running_server
from tests.support.world import World
from trailcast.settings import Settings

LOG = """
mutation ($input: LogActivityInput!) {
  logActivity(input: $input) { event { id sequence message } replayed errors { code message path } }
}
"""
LOG_MANY = """
mutation ($inputs: [LogActivityInput!]!) {
  logActivities(inputs: $inputs) { events { id sequence } errors { code path } }
}
"""
RETRIES = 50
KEY_TAKEN = "This idempotency key stands for an event with other content: use a new key for a new event."


def entry(message: str = "first", key: str = "key-1", **others: Any) -> dict[str, Any]:
    return {"eventType": "task.updated", "message": message, "idempotencyKey": key, **others}


@pytest.fixture
async def second_server(settings: Settings) -> Any:
    """Another server on the same database, so that retries race across two groups of writers."""
    async with running_server(settings) as running:
        yield running


async def test_of_fifty_racing_retries_one_writes_and_all_get_its_event(
    gql: Client, second_server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    before = await last_sequence(owner, world.acme)
    async with Client(second_server.http) as other:
        answers = await asyncio.gather(
            *(
                (gql, other)[number % 2].data(LOG, {"input": entry()}, token=world.token("bot"))
                for number in range(RETRIES)
            )
        )
    payloads = [answer["logActivity"] for answer in answers]
    assert sorted(payload["replayed"] for payload in payloads) == [False] + [True] * (RETRIES - 1)
    assert [payload["errors"] for payload in payloads] == [[]] * RETRIES
    assert {payload["event"]["sequence"] for payload in payloads} == {str(before + 1)}
    assert len({payload["event"]["id"] for payload in payloads}) == 1
    assert await last_sequence(owner, world.acme) == before + 1


async def test_the_same_key_with_other_content_is_a_conflict(
    gql: Client, world: World, owner: asyncpg.Connection
) -> None:
    await gql.data(LOG, {"input": entry()}, token=world.token("bot"))
    before = await last_sequence(owner, world.acme)
    changes: list[dict[str, Any]] = [
        {"message": "other"},
        {"eventType": "task.created"},
        {"action": "moved"},
        {"outcome": "DENIED"},
        {"metadata": {"step": 1}},
        {"changes": [{"path": "status", "after": "done"}]},
        {"correlationId": "run-9"},
        {"occurredAt": "2026-01-01T00:00:00Z"},
        {"entity": {"type": "invoice", "id": "7"}},
        {"entityName": "Invoice 7"},
        {"taskId": world.id("alpha_task")},
        {"boardId": world.id("alpha")},
        {"onBehalfOf": {"kind": "USER", "id": world.id("member")}},
    ]
    for changed in changes:
        answer = await gql.data(LOG, {"input": entry() | changed}, token=world.token("bot"))
        error = {"code": "CONFLICT", "message": KEY_TAKEN, "path": ["input", "idempotencyKey"]}
        assert answer["logActivity"] == {"event": None, "replayed": False, "errors": [error]}, changed
    assert await last_sequence(owner, world.acme) == before


async def test_the_key_of_another_actor_is_a_conflict_that_shows_nothing(gql: Client, world: World) -> None:
    await gql.data(LOG, {"input": entry()}, token=world.token("bot"))
    answer = await gql.data(LOG, {"input": entry()}, token=world.token("builder"))
    assert answer["logActivity"]["event"] is None
    assert [error["code"] for error in answer["logActivity"]["errors"]] == ["CONFLICT"]


async def test_a_key_belongs_to_its_workspace(gql: Client, world: World) -> None:
    for caller in ("service", "globex_service"):
        answer = await gql.data(LOG, {"input": entry()}, token=world.token(caller))
        assert (answer["logActivity"]["replayed"], answer["logActivity"]["errors"]) == (False, [])


async def test_the_same_content_in_another_spelling_is_the_same(gql: Client, world: World) -> None:
    task = world.id("alpha_task")
    one = entry(taskId=task, metadata={"a": 1, "b": {"c": 2, "d": 3}})
    two = entry(taskId=task.upper(), metadata={"b": {"d": 3, "c": 2}, "a": 1})
    answers = [await gql.data(LOG, {"input": given}, token=world.token("bot")) for given in (one, two)]
    assert [answer["logActivity"]["replayed"] for answer in answers] == [False, True]


async def test_a_key_holds_when_the_names_around_it_have_changed(
    gql: Client, world: World, owner: asyncpg.Connection
) -> None:
    """A retry after hours must not become a conflict because somebody renamed the task or the agent."""
    given = {"input": entry(taskId=world.id("alpha_task"))}
    await gql.data(LOG, given, token=world.token("bot"))
    await owner.execute("UPDATE tasks SET title = 'Renamed'")
    await owner.execute("UPDATE agents SET name = 'Renamed', role = 'other'")
    answer = await gql.data(LOG, given, token=world.token("bot"))
    assert (answer["logActivity"]["replayed"], answer["logActivity"]["errors"]) == (True, [])


async def test_a_comments_key_works_like_any_other(gql: Client, world: World, owner: asyncpg.Connection) -> None:
    document = """
    mutation ($task: ID!, $message: String!) {
      addTaskComment(taskId: $task, message: $message, idempotencyKey: "c") {
        comment { message } replayed errors { code path }
      }
    }
    """
    before = await last_sequence(owner, world.acme)
    answers = [
        await gql.data(document, {"task": world.id("alpha_task"), "message": message}, token=world.token("member"))
        for message in ("hello", "hello", "other")
    ]
    assert [answer["addTaskComment"] for answer in answers] == [
        {"comment": {"message": "hello"}, "replayed": False, "errors": []},
        {"comment": {"message": "hello"}, "replayed": True, "errors": []},
        {"comment": None, "replayed": False, "errors": [{"code": "CONFLICT", "path": ["idempotencyKey"]}]},
    ]
    assert await last_sequence(owner, world.acme) == before + 1


async def test_a_key_twice_in_one_batch_with_the_same_content_writes_once(
    gql: Client, world: World, owner: asyncpg.Connection
) -> None:
    before = await last_sequence(owner, world.acme)
    inputs = [entry(), entry("second", "key-2"), entry()]
    answer = await gql.data(LOG_MANY, {"inputs": inputs}, token=world.token("bot"))
    payload = answer["logActivities"]
    assert payload["errors"] == []
    assert [int(event["sequence"]) for event in payload["events"]] == [before + 1, before + 2, before + 1]
    assert payload["events"][0] == payload["events"][2]
    assert await last_sequence(owner, world.acme) == before + 2


async def test_a_key_twice_in_one_batch_with_other_content_writes_nothing(
    gql: Client, world: World, owner: asyncpg.Connection
) -> None:
    before = await last_sequence(owner, world.acme)
    inputs = [entry("new", "key-0"), entry(), entry("other")]
    answer = await gql.data(LOG_MANY, {"inputs": inputs}, token=world.token("bot"))
    assert answer["logActivities"] == {
        "events": [],
        "errors": [{"code": "CONFLICT", "path": ["inputs", "2", "idempotencyKey"]}],
    }
    assert await last_sequence(owner, world.acme) == before


async def test_a_batch_may_be_retried_whole(gql: Client, world: World, owner: asyncpg.Connection) -> None:
    inputs = [entry(str(number), f"batch-{number}") for number in range(20)]
    first = await gql.data(LOG_MANY, {"inputs": inputs}, token=world.token("service"))
    before = await last_sequence(owner, world.acme)
    again = await gql.data(LOG_MANY, {"inputs": inputs}, token=world.token("service"))
    assert again == first
    assert await last_sequence(owner, world.acme) == before


async def test_a_batch_that_was_half_written_before_is_completed(gql: Client, world: World) -> None:
    known = await gql.data(LOG, {"input": entry()}, token=world.token("bot"))
    answer = await gql.data(LOG_MANY, {"inputs": [entry(), entry("new", "key-2")]}, token=world.token("bot"))
    first, second = answer["logActivities"]["events"]
    assert first["id"] == known["logActivity"]["event"]["id"]
    assert int(second["sequence"]) == int(first["sequence"]) + 1
