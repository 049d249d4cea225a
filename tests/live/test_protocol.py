"""graphql-transport-ws, frame by frame: what it allows works, and each violation ends the socket with its own close code."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.live.sockets import FOLLOW, say, until_waiting
from tests.support.clients import SUBPROTOCOL, Client, Socket, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.settings import Settings

INIT = {"type": "connection_init"}
VIEWER = "{ viewer { actor { name } } }"


async def closed(socket: Socket) -> tuple[int, str]:
    """Code and reason with which the server ends the socket; frames before that are passed over."""
    async with asyncio.timeout(15):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.connection.recv()
    assert socket.connection.close_code is not None
    return socket.connection.close_code, socket.connection.close_reason or ""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"socket_init_s": 0.3})


MALFORMED: dict[str, tuple[object, str]] = {
    "no JSON": ("nonsense", "WebSocket message must be valid JSON"),
    "half of an object": ("{", "WebSocket message must be valid JSON"),
    "null": ("null", "A message must be a JSON object"),
    "a list": ("[]", "A message must be a JSON object"),
    "a text": ('"connection_init"', "A message must be a JSON object"),
    "a number": ("1", "A message must be a JSON object"),
    "no type": ({}, "The type must be a string"),
    "an unknown type": ({"type": "hello"}, "Unknown message type: hello"),
    "a type that is none": ({"type": None}, "The type must be a string"),
    "a type of another type": ({"type": ["subscribe"]}, "The type must be a string"),
    "an old protocol's type": ({"type": "start", "id": "1"}, "Unknown message type: start"),
    "bytes": (b"{}", "WebSocket message type must be text"),
}
ILL_FORMED: list[dict[str, Any]] = [
    {"type": "subscribe"},
    {"type": "subscribe", "id": "1"},
    {"type": "subscribe", "id": "1", "payload": None},
    {"type": "subscribe", "id": "1", "payload": []},
    {"type": "subscribe", "id": "1", "payload": {}},
    {"type": "subscribe", "payload": {"query": VIEWER}},
    {"type": "subscribe", "id": "", "payload": {"query": VIEWER}},
    {"type": "subscribe", "id": None, "payload": {"query": VIEWER}},
    {"type": "subscribe", "id": 1, "payload": {"query": VIEWER}},
    {"type": "subscribe", "id": {}, "payload": {"query": VIEWER}},
    {"type": "subscribe", "id": "1", "payload": {"query": None}},
    {"type": "subscribe", "id": "1", "payload": {"query": 1}},
    {"type": "subscribe", "id": "1", "payload": {"query": VIEWER, "variables": []}},
    {"type": "subscribe", "id": "1", "payload": {"query": VIEWER, "operationName": 1}},
    {"type": "complete"},
    {"type": "complete", "id": {}},
]


async def test_a_malformed_message_is_4400(server: RunningServer, world: World) -> None:
    for what, (message, reason) in MALFORMED.items():
        for token in (None, world.token("bot")):
            async with open_socket(server.ws, token) as socket:
                await socket.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))
                assert await closed(socket) == (4400, reason), what


async def test_an_operation_that_is_not_well_formed_is_4400(server: RunningServer, world: World) -> None:
    for message in ILL_FORMED:
        async with open_socket(server.ws, world.token("bot")) as socket:
            await socket.send(message)
            code, reason = await closed(socket)
            assert (code, bool(reason)) == (4400, True), message


async def test_an_init_whose_payload_is_no_object_is_4400(server: RunningServer) -> None:
    payloads: tuple[object, ...] = (None, [], "text", 1)
    for payload in payloads:
        async with open_socket(server.ws) as socket:
            await socket.send({**INIT, "payload": payload})
            assert await closed(socket) == (4400, "Invalid connection init payload"), payload


async def test_an_operation_before_the_init_is_4401(server: RunningServer) -> None:
    async with open_socket(server.ws) as socket:
        await socket.subscribe(VIEWER)
        assert await closed(socket) == (4401, "Unauthorized")


async def test_no_or_a_bad_credential_is_4403(server: RunningServer) -> None:
    payloads: tuple[dict[str, Any] | None, ...] = (
        None, {}, {"Authorization": ""}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic dTpw"},
        {"Authorization": 1}, {"X-Agent-Token": "nonsense"},
    )  # fmt: skip
    for payload in payloads:
        async with open_socket(server.ws) as socket:
            await socket.send(INIT if payload is None else {**INIT, "payload": payload})
            assert await closed(socket) == (4403, "Forbidden"), payload


async def test_another_subprotocol_is_4406(server: RunningServer) -> None:
    for offered in ([Subprotocol("graphql-ws")], [Subprotocol("soap")], None):
        async with connect(server.ws, subprotocols=offered) as connection:
            assert connection.subprotocol is None
            assert await closed(Socket(connection)) == (4406, "Subprotocol not acceptable"), offered


async def test_ours_is_chosen_among_several(server: RunningServer, world: World) -> None:
    offered = [Subprotocol("graphql-ws"), Subprotocol(SUBPROTOCOL)]
    async with connect(server.ws, subprotocols=offered) as connection:
        assert connection.subprotocol == SUBPROTOCOL
        await Socket(connection).acknowledge({"Authorization": f"Bearer {world.token('bot')}"})


async def test_a_socket_that_does_not_introduce_itself_in_time_is_4408(server: RunningServer) -> None:
    async with open_socket(server.ws) as socket:
        assert await closed(socket) == (4408, "Connection initialisation timeout")


async def test_an_id_that_is_in_use_is_4409(server: RunningServer, world: World) -> None:
    async with open_socket(server.ws, world.token("bot")) as socket:
        await socket.subscribe(FOLLOW, operation="same")
        await until_waiting(server, 1)
        await socket.subscribe(VIEWER, operation="same")
        assert await closed(socket) == (4409, "Subscriber for same already exists")


async def test_an_id_may_be_used_again_once_its_operation_is_over(
    gql: Client, server: RunningServer, world: World
) -> None:
    async with open_socket(server.ws, world.token("bot")) as socket:
        for _ in range(2):
            await socket.subscribe(VIEWER, operation="same")
            assert await socket.next("same") == {"data": {"viewer": {"actor": {"name": "Bot"}}}}
            assert await socket.receive() == {"type": "complete", "id": "same"}
        await socket.subscribe(FOLLOW, operation="same")
        await until_waiting(server, 1)
        await socket.send({"type": "complete", "id": "same"})
        await until_waiting(server, 0)
        await socket.subscribe(VIEWER, operation="same")
        assert (await socket.next("same"))["data"] == {"viewer": {"actor": {"name": "Bot"}}}


async def test_two_inits_are_4429(server: RunningServer, world: World) -> None:
    init = {**INIT, "payload": {"Authorization": f"Bearer {world.token('bot')}"}}
    for waits in (True, False):
        async with open_socket(server.ws) as socket:
            await socket.send(init)
            if waits:
                assert await socket.receive() == {"type": "connection_ack"}
            await socket.send(init)
            assert await closed(socket) == (4429, "Too many initialisation requests")


async def test_a_ping_is_answered_and_a_pong_is_taken(server: RunningServer, world: World) -> None:
    for token in (None, world.token("bot")):
        async with open_socket(server.ws, token) as socket:
            for ping in ({"type": "ping"}, {"type": "ping", "payload": {"at": 1}}):
                await socket.send({"type": "pong"})
                await socket.send(ping)
                assert await socket.receive() == {"type": "pong"}


async def test_completing_what_does_not_run_is_no_violation(server: RunningServer, world: World) -> None:
    async with open_socket(server.ws, world.token("bot")) as socket:
        await socket.send({"type": "complete", "id": "never begun"})
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}


async def test_queries_and_mutations_run_over_a_socket_beside_a_subscription(
    server: RunningServer, world: World
) -> None:
    mutation = 'mutation { logActivity(input: {eventType: "a.b", message: "by socket"}) { event { message } errors { code } } }'
    async with open_socket(server.ws, world.token("bot")) as socket:
        await socket.subscribe("subscription { activityLogged { message } }", operation="follow")
        await until_waiting(server, 1)
        await socket.subscribe(mutation, operation="log")
        frames = [await socket.receive() for _ in range(3)]
    by_id = {(frame["id"], frame["type"]): frame.get("payload") for frame in frames}
    assert by_id == {
        ("log", "next"): {"data": {"logActivity": {"event": {"message": "by socket"}, "errors": []}}},
        ("log", "complete"): None,
        ("follow", "next"): {"data": {"activityLogged": {"message": "by socket"}}},
    }


async def test_after_complete_nothing_more_is_sent(gql: Client, server: RunningServer, world: World) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        for operation in ("ended", "going on"):
            await socket.subscribe(FOLLOW, operation=operation)
        await until_waiting(server, 2)
        await socket.send({"type": "complete", "id": "ended"})
        await until_waiting(server, 1)
        await say(gql, world, "after the end")
        assert (await socket.next("going on"))["data"]["activityLogged"]["message"] == "after the end"
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}


async def test_a_message_beyond_the_bound_ends_the_socket(
    server: RunningServer, world: World, settings: Settings
) -> None:
    async with open_socket(server.ws, world.token("bot")) as socket:
        await socket.subscribe("#" + "x" * settings.socket_message_bytes_max)
        code, _ = await closed(socket)
        assert code == 1009
