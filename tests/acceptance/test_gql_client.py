"""The Python gql client against real servers: queries and mutations over HTTP, subscriptions over a socket."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportConnectionFailed, TransportError, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from tests.acceptance.acme import FOLLOW, Acme, Received
from tests.acceptance.conftest import Serve
from tests.acceptance.processes import ServerProcess
from tests.support.serving import RunningServer
from tests.support.world import World

Step = Callable[[], Awaitable[None]]
Server = ServerProcess | RunningServer


def over_http(server: Server, token: str) -> Client:
    return Client(transport=HTTPXAsyncTransport(url=server.http, headers={"Authorization": f"Bearer {token}"}))


def over_socket(server: Server, token: str) -> Client:
    payload = {"Authorization": f"Bearer {token}"}
    return Client(transport=WebsocketsTransport(url=server.ws, init_payload=payload, close_timeout=1))


def request(document: str, **variables: Any) -> Any:
    made = gql(document)
    made.variable_values = variables
    return made


async def test_it_asks_and_writes_with_the_schema_it_was_told(server: RunningServer, world: World) -> None:
    client = over_http(server, world.token("member"))
    client.fetch_schema_from_transport = True  # documents are then held against the schema before they are sent
    async with client as session:
        viewer = await session.execute(request("{ viewer { actor { name } boards { board { name } canWrite } } }"))
        assert viewer == {
            "viewer": {
                "actor": {"name": "Mia"},
                "boards": [
                    {"board": {"name": "Alpha"}, "canWrite": True},
                    {"board": {"name": "Beta"}, "canWrite": False},
                ],
            }
        }
        comment = request(
            'mutation ($task: ID!) { addTaskComment(taskId: $task, message: "hi") { comment { message } errors { code } } }',
            task=world.id("alpha_task"),
        )
        assert await session.execute(comment) == {"addTaskComment": {"comment": {"message": "hi"}, "errors": []}}
        with pytest.raises(TransportQueryError) as refused:
            await session.execute(
                request("query ($id: ID!) { activityEvent(id: $id) { id } }", id=world.events["owner_gamma"])
            )
    assert refused.value.errors is not None
    assert [error["extensions"]["code"] for error in refused.value.errors] == ["NOT_FOUND"]


async def test_it_follows_and_goes_on_with_its_last_cursor_at_another_process_after_a_kill(
    serve: Serve, acme: Acme
) -> None:
    one, two = await serve(), await serve()
    received: Received = []
    said: list[str] = []
    for here, other in ((one, two), (two, one)):
        missed, live, away = sent = acme.messages(3)
        await acme.say(here, missed)
        on_arrival: dict[str, Step] = {missed: partial(acme.say, here, live), live: here.kill}
        # The transport says that its connection broke; going on is the caller's affair.
        with pytest.raises(TransportError):
            await _read(here, acme, received, on_arrival)
        await acme.say(other, away)
        await here.start()
        said += sent
    assert received == acme.expected(said[:-1])


async def _read(server: ServerProcess, acme: Acme, received: Received, on_arrival: Mapping[str, Step]) -> None:
    """Add what comes after all that was received, and do at some messages what is to be done."""
    after = acme.cursor(received[-1][0] if received else acme.end)
    async with over_socket(server, acme.world.token("owner")) as session:
        async for item in session.subscribe(request(FOLLOW, after=after)):
            event = item["activityLogged"]
            received.append((int(event["sequence"]), event["message"]))
            if event["message"] in on_arrival:
                await on_arrival[event["message"]]()


async def test_it_queries_and_writes_over_the_socket_too(server: RunningServer, world: World) -> None:
    async with over_socket(server, world.token("bot")) as session:
        assert await session.execute(request("{ viewer { actor { name } } }")) == {"viewer": {"actor": {"name": "Bot"}}}
        written = await session.execute(
            request('mutation { logActivity(input: {eventType: "a.b"}) { event { eventType } errors { code } } }')
        )
        assert written == {"logActivity": {"event": {"eventType": "a.b"}, "errors": []}}


async def test_a_bad_credential_is_told_as_such(server: RunningServer) -> None:
    with pytest.raises(TransportQueryError) as http:
        async with over_http(server, "nonsense") as session:
            await session.execute(request("{ viewer { role } }"))
    assert http.value.errors is not None
    assert [error["extensions"]["code"] for error in http.value.errors] == ["UNAUTHENTICATED"]
    with pytest.raises(TransportConnectionFailed) as socket:
        async with over_socket(server, "nonsense") as session:
            await session.execute(request("{ viewer { role } }"))
    closed = getattr(socket.value.__cause__, "rcvd", None)
    assert closed is not None
    assert closed.code == 4403
