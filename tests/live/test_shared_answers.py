"""One execution for all who asked the same and may see the same, and for nobody else."""

import asyncio

import pytest

from schema.execution import following
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer
from tests.support.waiting import until
from tests.support.world import World
from trailcast.live.hub import Delivery

COMMENTS = "subscription { commentAdded { message author { name } } }"
EVENTS = "subscription { activityLogged { message ipAddress } }"
COMMENT = "mutation($task: ID!, $message: String!) { addTaskComment(taskId: $task, message: $message) { errors { message } } }"


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[Delivery]:
    """The deliveries that an answer was made of, in order. The answer is still made by the real thing."""
    made: list[Delivery] = []
    answer = following._answer

    async def noted(executor: object, delivery: Delivery) -> str:
        made.append(delivery)
        return await answer(executor, delivery)  # type: ignore[arg-type]

    monkeypatch.setattr(following, "_answer", noted)
    return made


async def _follow(server: RunningServer, socket: Socket, count: int, document: str, operation: str = "1") -> None:
    await socket.subscribe(document, operation=operation)
    hub = server.services.feed._hub
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


async def test_other_rights_or_another_document_share_nothing(
    gql: Client, server: RunningServer, world: World, executed: list[Delivery]
) -> None:
    async with (
        open_socket(server.ws, world.token("owner")) as owner,
        open_socket(server.ws, world.token("member")) as member,
        open_socket(server.ws, world.token("owner")) as other_document,
    ):
        await _follow(server, owner, 1, EVENTS)
        await _follow(server, member, 2, EVENTS)
        await _follow(server, other_document, 3, EVENTS.replace("message", "text: message"))
        await gql.data(COMMENT, {"task": world.id("alpha_task"), "message": "apart"}, token=world.token("owner"))
        await asyncio.gather(*(socket.next() for socket in (owner, member, other_document)))
    assert len(executed) == 3
    scopes = [delivery.scope for delivery in executed]
    assert sum(scope.everything for scope in scopes) == 2
