"""What a subscription refuses: it is an error of that operation, with a code, and the other operations of the socket live on."""

import base64
from typing import Any
from uuid import UUID

import asyncpg

from tests.ledger.drafts import last_sequence
from tests.live.sockets import FOLLOW, cursor, followers, say, until_waiting
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.ledger.cursor import DIRECTORY, encode_name, encode_sequence
from trailcast.settings import Settings

OTHER = "an operation that lives on"


async def refusal(socket: Socket, variables: dict[str, Any], document: str = FOLLOW) -> dict[str, Any]:
    """The extensions of the one error that answers such a subscription."""
    await socket.subscribe(document, variables, "refused")
    frame = await socket.receive()
    assert (frame["type"], frame["id"], len(frame["payload"])) == ("error", "refused", 1), frame
    extensions: dict[str, Any] = frame["payload"][0]["extensions"]
    return extensions


async def assert_alive(socket: Socket, gql: Client, world: World) -> None:
    """The other operation still gets what comes."""
    await say(gql, world, "still here")
    payload = await socket.next(OTHER)
    assert payload["data"]["activityLogged"]["message"] == "still here"


def altered(good: str) -> str:
    raw = bytearray(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    raw[5] ^= 1
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_a_cursor_that_is_none_of_this_log_is_refused(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    end = await last_sequence(owner, world.acme)
    acme = UUID(world.acme)
    bad = {
        "of another workspace": encode_sequence(UUID(world.globex), 1),
        "of another list": encode_name(DIRECTORY["boards"], acme, "Alpha", UUID(world.id("alpha"))),
        "altered": altered(cursor(world, end)),
        "from the future": cursor(world, end + 1),
        "cut": cursor(world, end)[:-1],
        "empty": "",
        "no cursor": "first",
    }
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, operation=OTHER)
        await until_waiting(server, 1)
        for what, after in bad.items():
            assert await refusal(socket, {"after": after}) == {"code": "BAD_CURSOR"}, what
        await assert_alive(socket, gql, world)


async def test_a_cursor_of_what_is_no_longer_kept_has_expired(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    """Whoever goes on from it would skip events in silence; whoever stands right before the first that is kept misses none."""
    end = await last_sequence(owner, world.acme)
    kept_from = end - 2
    await owner.execute("UPDATE heads SET first_sequence = $1 WHERE workspace_id = $2", kept_from, UUID(world.acme))
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, operation=OTHER)
        await until_waiting(server, 1)
        for sequence in (0, kept_from - 2):
            assert await refusal(socket, {"after": cursor(world, sequence)}) == {"code": "CURSOR_EXPIRED"}
        await assert_alive(socket, gql, world)
        await socket.subscribe(FOLLOW, {"after": cursor(world, kept_from - 1)}, "good")
        received = [int((await socket.next("good"))["data"]["activityLogged"]["sequence"]) for _ in range(4)]
    assert received == list(range(kept_from, end + 2))


async def test_a_bad_value_is_refused_and_never_means_now(server: RunningServer, world: World) -> None:
    bad: list[tuple[dict[str, Any], list[Any]]] = [
        ({"since": "yesterday"}, ["since"]),
        ({"since": "2026-01-01T00:00:00"}, ["since"]),
        ({"since": "0001-12-31T23:59:59Z"}, ["since"]),
        ({"since": "9999-01-01T00:00:00Z"}, ["since"]),
        ({"filter": {"boardId": ["alpha"]}}, ["filter", "boardId", 0]),
        ({"filter": {"colour": "red"}}, ["filter"]),
    ]
    async with open_socket(server.ws, world.token("owner")) as socket:
        for variables, path in bad:
            assert await refusal(socket, variables) == {"code": "BAD_USER_INPUT", "path": path}, variables
        assert followers(server) == []


async def test_a_cursor_and_a_time_together_are_refused(gql: Client, server: RunningServer, world: World) -> None:
    both = {"after": cursor(world, 1), "since": "2026-01-01T00:00:00Z"}
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, operation=OTHER)
        await until_waiting(server, 1)
        assert await refusal(socket, both) == {"code": "BAD_USER_INPUT", "path": ["since"]}
        await assert_alive(socket, gql, world)


async def test_a_board_or_task_that_is_no_uuid_is_refused(server: RunningServer, world: World) -> None:
    document = "subscription ($id: ID!) { commentAdded(%s: $id) { cursor } }"
    async with open_socket(server.ws, world.token("owner")) as socket:
        for name in ("boardId", "taskId"):
            expected = {"code": "BAD_USER_INPUT", "path": [name]}
            assert await refusal(socket, {"id": "alpha"}, document % name) == expected


async def test_a_bad_document_leaves_the_other_operations_alive(
    gql: Client, server: RunningServer, world: World
) -> None:
    bad = {
        "subscription {": "GRAPHQL_PARSE_FAILED",
        "": "GRAPHQL_PARSE_FAILED",
        "subscription { nothing }": "GRAPHQL_VALIDATION_FAILED",
        "subscription { activityLogged { cursor } commentAdded { cursor } }": "GRAPHQL_VALIDATION_FAILED",
        "query A { viewer { role } } query B { viewer { role } }": "BAD_REQUEST",
    }
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, operation=OTHER)
        await until_waiting(server, 1)
        for document, code in bad.items():
            assert (await refusal(socket, {}, document))["code"] == code, document
            await assert_alive(socket, gql, world)


async def test_one_socket_runs_so_many_operations_and_no_more(
    gql: Client, server: RunningServer, world: World, settings: Settings
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        for number in range(settings.subscriptions_per_socket_max - 1):
            await socket.subscribe(FOLLOW, {"filter": {"eventType": ["a.never"]}}, str(number))
        await socket.subscribe(FOLLOW, operation=OTHER)
        await until_waiting(server, settings.subscriptions_per_socket_max)
        await socket.subscribe(FOLLOW, operation="one too many")
        frame = await socket.receive()
        assert (frame["type"], frame["id"]) == ("error", "one too many")
        assert [error["extensions"]["code"] for error in frame["payload"]] == ["LIMIT_EXCEEDED"]
        await assert_alive(socket, gql, world)
        # Whoever ends one may begin another.
        await socket.send({"id": "0", "type": "complete"})
        await until_waiting(server, settings.subscriptions_per_socket_max - 1)
        await socket.subscribe("{ viewer { role } }", operation="0")
        assert await socket.next("0") == {"data": {"viewer": {"role": "OWNER"}}}


async def test_whoever_may_not_see_it_hears_nothing_of_a_hidden_cursor(server: RunningServer, world: World) -> None:
    """The place of an event that a member may not see is a place in its log all the same; nothing is told of it."""
    async with open_socket(server.ws, world.token("stranger")) as socket:
        assert await refusal(socket, {"after": encode_sequence(UUID(world.globex), 1)}) == {"code": "BAD_CURSOR"}
        await socket.subscribe(FOLLOW, {"after": cursor(world, 10)}, "quiet")
        await until_waiting(server, 1)
