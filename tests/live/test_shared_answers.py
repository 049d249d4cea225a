"""One execution for all who asked the same and may see the same, and for nobody else."""

import asyncio

import pytest

from schema.execution.following import Recipe
from tests.live.sockets import cursor, received_so_far, until_waiting
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.live.audiences import Delivery
from trailcast.settings import Settings

COMMENTS = "subscription { commentAdded { message author { name } } }"
EVENTS = "subscription { activityLogged { message ipAddress } }"
COMMENT = "mutation($task: ID!, $message: String!) { addTaskComment(taskId: $task, message: $message) { errors { message } } }"


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[Delivery]:
    """The deliveries that an answer was made of, in order. The answer is still made by the real thing."""
    made: list[Delivery] = []
    make = Recipe._make

    def noted(recipe: Recipe, delivery: Delivery) -> bytes:
        made.append(delivery)
        return make(recipe, delivery)

    monkeypatch.setattr(Recipe, "_make", noted)
    return made


async def _follow(server: RunningServer, socket: Socket, count: int, document: str, operation: str = "1") -> None:
    await socket.subscribe(document, operation=operation)
    hub = server.services.feed._shared.hub
    await until(lambda: sum(len(follower.members) for follower in hub._followers.values()) == count)


async def test_same_document_and_same_rights_share_one_execution(
    gql: Client, server: RunningServer, world: World, executed: list[Delivery]
) -> None:
    async with (
        open_socket(server.ws, world.token("owner")) as first,
        open_socket(server.ws, world.token("admin")) as second,
        open_socket(server.ws, world.token("service")) as third,
    ):
        for number, socket in enumerate((first, second, third), start=1):
            await _follow(server, socket, number, COMMENTS)
        await gql.data(COMMENT, {"task": world.id("alpha_task"), "message": "once"}, token=world.token("owner"))
        answers = await asyncio.gather(*(socket.next() for socket in (first, second, third)))
    assert answers == [{"data": {"commentAdded": {"message": "once", "author": {"name": "Olive"}}}}] * 3
    assert len(executed) == 1


async def test_what_is_shown_differently_or_asked_for_differently_is_never_shared(
    settings: Settings, world: World, executed: list[Delivery]
) -> None:
    """The service's address is stored, and shown to the owner; the member sees the event without it."""
    settings = settings.model_copy(update={"store_client_address": True})
    async with (
        running_server(settings) as server,
        Client(server.http) as gql,
        open_socket(server.ws, world.token("owner")) as owner,
        open_socket(server.ws, world.token("member")) as member,
        open_socket(server.ws, world.token("owner")) as other_document,
    ):
        await _follow(server, owner, 1, EVENTS)
        await _follow(server, member, 2, EVENTS)
        await _follow(server, other_document, 3, EVENTS.replace("message", "text: message"))
        await gql.data(COMMENT, {"task": world.id("alpha_task"), "message": "apart"}, token=world.token("owner"))
        answers = await asyncio.gather(*(socket.next() for socket in (owner, member, other_document)))
    assert [answer["data"]["activityLogged"] for answer in answers] == [
        {"message": "apart", "ipAddress": "127.0.0.1"},
        {"message": "apart", "ipAddress": None},
        {"text": "apart", "ipAddress": "127.0.0.1"},
    ]
    assert len(executed) == 3


async def test_members_of_different_rights_who_are_shown_the_same_share_it(
    gql: Client, server: RunningServer, world: World, executed: list[Delivery]
) -> None:
    async with (
        open_socket(server.ws, world.token("owner")) as owner,
        open_socket(server.ws, world.token("member")) as member,
    ):
        await _follow(server, owner, 1, COMMENTS)
        await _follow(server, member, 2, COMMENTS)
        for task, message in (("alpha_task", "for both"), ("gamma_task", "for one")):
            await gql.data(COMMENT, {"task": world.id(task), "message": message}, token=world.token("owner"))
        received = [(await owner.next())["data"]["commentAdded"]["message"] for _ in range(2)]
        received.append((await member.next())["data"]["commentAdded"]["message"])
        assert await received_so_far(member) == []
    assert received == ["for both", "for one", "for both"]
    assert len(executed) == 2


async def test_readers_that_came_back_with_different_cursors_share_again(
    gql: Client, server: RunningServer, world: World, executed: list[Delivery]
) -> None:
    document = """subscription ($after: String, $long: Boolean!) {
      commentAdded(after: $after) { message author @include(if: $long) { name } }
    }"""
    readers = [({"after": cursor(world, 20 - number), "long": number == 2}) for number in range(3)]
    async with open_socket(server.ws, world.token("owner")) as socket:
        for number, variables in enumerate(readers):
            await socket.subscribe(document, variables, operation=str(number))
        await until_waiting(server, 3)
        await received_so_far(socket)
        executed.clear()
        await gql.data(COMMENT, {"task": world.id("alpha_task"), "message": "live"}, token=world.token("owner"))
        frames = {
            frame["id"]: frame["payload"]["data"]["commentAdded"]
            for frame in [await socket.receive() for _ in range(3)]
        }
    assert [sorted(frames[str(number)]) for number in range(3)] == [["message"], ["message"], ["author", "message"]]
    assert len(executed) == 2  # the variable that changes the answer tells them apart, the cursor does not
