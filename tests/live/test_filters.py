"""Filters of a live feed: each one lets through what the same filter finds in the log, replayed or live; text too."""

from typing import Any

import asyncpg
import pytest

from tests.ledger.drafts import last_sequence
from tests.live.sockets import cursor, received_so_far, until_sent, until_waiting, write
from tests.support.clients import Client, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World, identity
from trailcast.settings import Settings

FOLLOW = "subscription ($after: String, $filter: ActivityEventFilter) { activityLogged(after: $after, filter: $filter) { id } }"
FIND = """
query ($after: String, $filter: ActivityEventFilter) {
  activityEvents(direction: ASC, after: $after, filter: $filter) { nodes { id } }
}
"""
ALPHA_TASK, BETA, BOT, MEMBER = (identity(name) for name in ("alpha_task", "beta", "bot", "member"))
INPUTS: list[dict[str, Any]] = [
    {"eventType": "task.comment", "taskId": ALPHA_TASK, "message": "The INVOICE is wrong"},
    {"eventType": "task.comment", "taskId": identity("beta_task"), "message": "invoice 100% done_now"},
    {"eventType": "task.status_changed", "taskId": ALPHA_TASK, "correlationId": "run-7"},
    {"eventType": "task.execution.failed", "taskId": identity("gamma_task"), "message": "Überfällige Rechnung"},
    {"eventType": "deploy.started", "entity": {"type": "deployment", "id": "42"}},
    {"eventType": "agent.heartbeat", "actor": {"kind": "AGENT", "id": BOT}},
    {"eventType": "auth.login", "actor": {"kind": "USER", "id": MEMBER}, "outcome": "DENIED"},
    {"eventType": "board.updated", "boardId": BETA, "action": "moved", "message": "invoice\\path"},
]
ALL = list(range(len(INPUTS)))
FILTERS: list[tuple[dict[str, Any] | None, list[int]]] = [
    (None, ALL),
    ({}, ALL),
    ({"eventType": ["task.comment", "auth.login"]}, [0, 1, 6]),
    ({"eventTypePrefix": "task."}, [0, 1, 2, 3]),
    ({"eventTypePrefix": "task.ex"}, [3]),
    ({"eventTypePrefix": "d"}, [4]),
    ({"category": ["deploy", "board"]}, [4, 7]),
    ({"action": ["moved"]}, [7]),
    ({"outcome": ["FAILURE", "DENIED"]}, [3, 6]),
    ({"outcome": ["SUCCESS"]}, [0, 1, 2, 4, 5, 7]),
    ({"actorKind": ["AGENT", "USER"]}, [5, 6]),
    ({"actorId": [BOT]}, [5]),
    ({"agentId": [BOT.upper()]}, [5]),
    ({"userId": [MEMBER]}, [6]),
    ({"boardId": [BETA]}, [1, 7]),
    ({"taskId": [ALPHA_TASK]}, [0, 2]),
    ({"entity": {"type": "deployment", "id": "42"}}, [4]),
    ({"entity": {"type": "task", "id": ALPHA_TASK.upper()}}, [0, 2]),
    ({"correlationId": "run-7"}, [2]),
    ({"text": "invoice"}, [0, 1, 7]),
    ({"text": "100% d"}, [1]),
    ({"text": "done_n"}, [1]),
    ({"text": "doneXn"}, []),
    ({"text": "e\\p"}, [7]),
    ({"text": "üBERFÄLL"}, [3]),
    ({"text": "invoice", "boardId": [BETA], "outcome": ["SUCCESS"]}, [1, 7]),
    ({"since": "2020-01-01T00:00:00Z"}, ALL),
    ({"until": "2020-01-01T00:00:00Z"}, []),
    ({"boardId": []}, []),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Room for all filters on one socket."""
    return settings.model_copy(update={"subscriptions_per_socket_max": 100})


@pytest.mark.parametrize("replayed", [False, True])
async def test_each_filter_lets_through_what_the_same_query_finds(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection, replayed: bool
) -> None:
    after = cursor(world, await last_sequence(owner, world.acme))
    async with open_socket(server.ws, world.token("owner")) as socket:
        ids = await write(gql, world, *INPUTS) if replayed else []
        for number, (wanted, _) in enumerate(FILTERS):
            await socket.subscribe(FOLLOW, {"after": after, "filter": wanted}, str(number))
        await until_waiting(server, len(FILTERS))
        ids = ids or await write(gql, world, *INPUTS)
        await until_sent(server, await last_sequence(owner, world.acme), len(FILTERS))
        frames = await received_so_far(socket)
    received: dict[str, list[str]] = {str(number): [] for number in range(len(FILTERS))}
    for frame in frames:
        received[frame["id"]].append(frame["payload"]["data"]["activityLogged"]["id"])
    for number, (wanted, expected) in enumerate(FILTERS):
        found = await gql.data(FIND, {"after": after, "filter": wanted}, token=world.token("owner"))
        assert [event["id"] for event in found["activityEvents"]["nodes"]] == [ids[index] for index in expected], wanted
        assert received[str(number)] == [ids[index] for index in expected], wanted


async def test_a_bad_filter_is_refused_as_in_a_query(server: RunningServer, world: World) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        for number, (wanted, path) in enumerate(
            (
                ({"text": "ab"}, ["filter", "text"]),
                ({"boardId": ["x"]}, ["filter", "boardId", 0]),
                ({"eventTypePrefix": ""}, ["filter", "eventTypePrefix"]),
                ({"agentId": [BOT] * 201}, ["filter", "agentId"]),
            )
        ):
            await socket.subscribe(FOLLOW, {"filter": wanted}, str(number))
            frame = await socket.receive()
            assert (frame["type"], frame["id"]) == ("error", str(number))
            assert [error["extensions"] for error in frame["payload"]] == [{"code": "BAD_USER_INPUT", "path": path}]
