"""Both subscriptions × every caller, live and replayed: each is sent exactly what it may see, once, in the order of the log.

Streams say nothing when they keep something back. So the last event of each caller is one of its own, which it surely sees: when
that has come, all that stands before it in the log has been sent, or never will be.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest

from tests.access.rules import ABSENT, ACTORS, CALLERS, workspace_id
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer
from tests.support.waiting import until
from tests.support.world import World

ACTIVITY = "subscription($after: String) { activityLogged(after: $after) { message cursor } }"
COMMENTS = "subscription($after: String) { commentAdded(after: $after) { message cursor } }"
LOG = "mutation($input: LogActivityInput!) { logActivity(input: $input) { event { id } errors { message } } }"

# What is written (message: writer, event type, place), in this order, and who sees it. `double` is in Acme unless it picks.
WRITTEN: dict[str, tuple[str, str, dict[str, str], str]] = {
    "owner on alpha": ("owner", "task.comment", {"taskId": "alpha_task"}, "owner admin service member"),
    "owner on beta": ("owner", "task.comment", {"taskId": "beta_task"}, "owner admin service member"),
    "owner on gamma": ("owner", "task.comment", {"taskId": "gamma_task"}, "owner admin service"),
    "bot on gamma": ("bot", "task.comment", {"taskId": "gamma_task"}, "owner admin service bot"),
    "builder on alpha": ("builder", "task.comment", {"taskId": "alpha_task2"}, "owner admin service member builder"),
    "globex owner": (
        "globex_owner", "task.comment", {"taskId": "globex_task"}, "globex_owner globex_service double_in_globex"
    ),
    "globex agent": (
        "globex_agent", "task.comment", {"taskId": "globex_task"}, "globex_owner globex_service double_in_globex globex_agent"
    ),
    "alpha renamed": ("owner", "board.updated", {"boardId": "alpha"}, "owner admin service member"),
    "gamma renamed": ("owner", "board.updated", {"boardId": "gamma"}, "owner admin service"),
    "admin left": ("admin", "auth.logout", {}, "owner admin service"),
    "stranger left": ("stranger", "auth.logout", {}, "owner admin service stranger"),
    "double left": ("double", "auth.logout", {}, "owner admin service double"),
    "double left globex": ("double_in_globex", "auth.logout", {}, "globex_owner globex_service double_in_globex"),
}  # fmt: skip
LAST_PLACE = {"acme": "gamma_task", "globex": "globex_task"}
SERVICE = {"acme": "service", "globex": "globex_service"}


async def write_all(gql: Client, world: World) -> None:
    """The events of the table, then for each caller a last comment in its name, on a board that most of them cannot see."""
    for message, (writer, event_type, place, _) in WRITTEN.items():
        where = {field: world.id(name) for field, name in place.items()}
        await log(gql, world, writer, {"eventType": event_type, "message": message, **where})
    for caller, who in CALLERS.items():
        # By the service, since strangers may not write on a board.
        name = who.token
        task = world.id(LAST_PLACE[who.home])
        actor = {} if ACTORS[name][0] == "SERVICE" else {"actor": {"kind": ACTORS[name][0], "id": world.id(name)}}
        given = {"eventType": "task.comment", "message": f"last of {caller}", "taskId": task, **actor}
        await log(gql, world, SERVICE[who.home], given)


async def log(gql: Client, world: World, writer: str, given: dict[str, Any]) -> None:
    answer = await gql(LOG, {"input": given}, headers=CALLERS[writer].headers(world))
    assert answer["data"]["logActivity"]["errors"] == []


def expected(caller: str, *, comments: bool) -> list[str]:
    """What this caller is sent up to its own last event."""
    written = [
        message
        for message, (_, event_type, _, seen_by) in WRITTEN.items()
        if caller in seen_by.split() and (not comments or event_type == "task.comment")
    ]
    everything = caller in {"owner", "admin", "service", "globex_owner", "globex_service", "double_in_globex"}
    names = list(CALLERS)
    earlier = [name for name in names[: names.index(caller)] if CALLERS[name].home == CALLERS[caller].home]
    return [*written, *(f"last of {name}" for name in earlier if everything), f"last of {caller}"]


async def read_streams(socket: Socket, caller: str) -> dict[str, list[str]]:
    """Both streams of one socket, up to the caller's last event on each."""
    got: dict[str, list[str]] = {"activity": [], "comments": []}
    last = f"last of {caller}"
    while not all(last in messages for messages in got.values()):
        frame = await socket.receive()
        assert frame["type"] == "next", frame
        [item] = frame["payload"]["data"].values()
        got[frame["id"]].append(item["message"])
    # One stream may be ahead of the other; what it brought beyond is not asked for here.
    return {name: messages[: messages.index(last) + 1] for name, messages in got.items()}


def followers(server: RunningServer, world: World, home: str) -> int:
    """How many streams of a workspace stand."""
    follower = server.services.feed._shared.hub._followers.get(UUID(workspace_id(world, home)))
    return 0 if follower is None else len(follower.members)


@pytest.mark.parametrize("replayed", [False, True], ids=["live", "replayed"])
async def test_each_caller_is_sent_what_it_may_see_and_nothing_else(
    server: RunningServer, gql: Client, world: World, replayed: bool
) -> None:
    # A cursor says a place and nothing else: whoever sees an event may hand it to whoever does not.
    newest = {
        home: (await gql.data("{ activityEvents(first: 1) { nodes { cursor } } }", token=world.token(SERVICE[home])))[
            "activityEvents"
        ]
        for home in SERVICE
    }
    if replayed:
        await write_all(gql, world)
    async with AsyncExitStack() as stack:
        sockets: dict[str, Socket] = {}
        for caller, who in CALLERS.items():
            socket = sockets[caller] = await stack.enter_async_context(open_socket(server.ws))
            await socket.acknowledge(who.payload(world))
            variables = {"after": newest[who.home]["nodes"][0]["cursor"] if replayed else None}
            await socket.subscribe(ACTIVITY, variables, "activity")
            await socket.subscribe(COMMENTS, variables, "comments")
        await until(lambda: followers(server, world, "acme") + followers(server, world, "globex") == 2 * len(CALLERS))
        if not replayed:
            await write_all(gql, world)
        got = await asyncio.gather(*(read_streams(socket, caller) for caller, socket in sockets.items()))
    assert dict(zip(sockets, got, strict=True)) == {
        caller: {
            "activity": expected(caller, comments=False),
            "comments": expected(caller, comments=True),
        }
        for caller in CALLERS
    }


async def test_stream_of_a_hidden_board_is_as_silent_as_that_of_an_absent_one(
    server: RunningServer, gql: Client, world: World
) -> None:
    """No refusal tells them apart: both streams stand, and bring nothing until an event that the caller may see."""
    document = "subscription($board: ID!) { commentAdded(boardId: $board) { message } }"
    async with open_socket(server.ws, world.token("member")) as socket:
        for name, board in (("hidden", world.id("gamma")), ("absent", ABSENT), ("foreign", world.id("globex_board"))):
            await socket.subscribe(document, {"board": board}, name)
        await socket.subscribe(ACTIVITY, {}, "all")
        await until(lambda: followers(server, world, "acme") == 4)
        for task in ("gamma_task", "globex_task"):
            home = "globex" if task == "globex_task" else "acme"
            await log(
                gql, world, SERVICE[home], {"eventType": "task.comment", "message": "secret", "taskId": world.id(task)}
            )
        await log(
            gql, world, "member", {"eventType": "task.comment", "message": "open", "taskId": world.id("alpha_task")}
        )
        frame = await socket.receive()
        assert (frame["id"], frame["payload"]["data"]["activityLogged"]["message"]) == ("all", "open")
