"""GraphQL over server-sent events: the same feed, rights and errors as over a socket, in the form that its clients expect."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.live.sockets import FOLLOW, LOG, cursor, followers, say, until_waiting
from tests.support.clients import Client, content_of
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.tokens import parse_token
from trailcast.ledger.admin import revoke_token
from trailcast.settings import Settings

MEDIA = "text/event-stream"
Event = dict[str, str]


class Stream:
    """A response, event by event. The id of its request, which errors have, is left out."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._request_id = ',"requestId":"{x-request-id}"'.format_map(response.headers)
        self._lines = response.aiter_lines()

    async def event(self) -> Event | None:
        """The next event, its fields by name; None at the end of the stream. A comment is an event with nothing but that."""
        fields: Event = {}
        async with asyncio.timeout(20):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(":")
                fields[name or "comment"] = value.removeprefix(" ").replace(self._request_id, "")
        return None

    async def told(self) -> Event:
        """The next event that is no comment."""
        while (event := await self.event()) is not None and "comment" in event:
            pass
        assert event is not None
        return event

    async def item(self) -> dict[str, Any]:
        """The payload of the next item."""
        event = await self.told()
        assert event["event"] == "next"
        payload: dict[str, Any] = json.loads(event["data"])
        return payload

    async def refusal(self) -> dict[str, Any]:
        """The answer of a stream that was none."""
        await self.response.aread()
        answer: dict[str, Any] = json.loads(content_of(self.response))
        return answer

    async def end(self) -> list[Event]:
        """What comes up to the end of the stream, without comments."""
        rest = []
        while (event := await self.event()) is not None:
            rest += [] if "comment" in event else [event]
        return rest


@asynccontextmanager
async def streaming(
    server: RunningServer, token: str | None, document: str, variables: dict[str, Any] | None = None, **headers: str
) -> AsyncIterator[Stream]:
    sent = {"accept": MEDIA, **({"authorization": f"Bearer {token}"} if token else {}), **headers}
    body = {"query": document, "variables": variables}
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("POST", server.http, json=body, headers=sent) as response,
    ):
        yield Stream(response)


def messages(*payloads: dict[str, Any]) -> list[str]:
    return [payload["data"]["activityLogged"]["message"] for payload in payloads]


async def test_each_item_is_an_event_with_its_cursor_as_id(gql: Client, server: RunningServer, world: World) -> None:
    async with streaming(server, world.token("owner"), FOLLOW) as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-store"
        assert await stream.event() == {"comment": ""}
        await until_waiting(server, 1)
        await say(gql, world, "two\nlines")
        event = await stream.told()
        payload = json.loads(event.pop("data"))
        item = payload["data"]["activityLogged"]
        assert (event, item["message"]) == ({"id": item["cursor"], "event": "next"}, "two\nlines")
    await until(lambda: followers(server) == [])
    assert server.services.admission._open == {}


async def test_last_event_id_means_after_and_counts_before_it(gql: Client, server: RunningServer, world: World) -> None:
    await say(gql, world, "one", "two", "three")
    document, late = FOLLOW, {"after": cursor(world, 23)}
    async with streaming(
        server, world.token("owner"), document, late, **{"last-event-id": cursor(world, 21)}
    ) as stream:
        assert messages(await stream.item(), await stream.item()) == ["two", "three"]
    async with streaming(server, world.token("owner"), document, late) as stream:
        await until_waiting(server, 1)
        await say(gql, world, "four")
        assert messages(await stream.item()) == ["four"]
    since = {"since": "1970-01-01T00:00:00Z"}
    async with streaming(
        server, world.token("owner"), document, since, **{"last-event-id": cursor(world, 23)}
    ) as stream:
        assert messages(await stream.item()) == ["four"]


async def test_each_caller_is_streamed_what_it_may_see(gql: Client, server: RunningServer, world: World) -> None:
    callers = ("owner", "member", "bot", "service", "globex_owner")
    streams = [
        streaming(server, world.token(caller), "subscription { activityLogged { message } }") for caller in callers
    ]
    opened = [await stream.__aenter__() for stream in streams]
    await until_waiting(server, len(callers))
    inputs = [
        {"eventType": "a.b", "message": message, **({"boardId": world.id(board)} if board else {})}
        for message, board in (("alpha", "alpha"), ("gamma", "gamma"), ("nowhere", None))
    ]
    await gql.data(LOG, {"inputs": inputs}, token=world.token("service"))
    await gql.data(LOG, {"inputs": [{"eventType": "a.b", "message": "end"}]}, token=world.token("bot"))
    await gql.data(LOG, {"inputs": [{"eventType": "a.b", "message": "end"}]}, token=world.token("globex_owner"))
    await gql.data(LOG, {"inputs": [{"eventType": "a.b", "message": "end"}]}, token=world.token("member"))
    expected = {
        "owner": ["alpha", "gamma", "nowhere", "end", "end"],
        "member": ["alpha", "end"],
        "bot": ["end"],
        "service": ["alpha", "gamma", "nowhere", "end", "end"],
        "globex_owner": ["end"],
    }
    for caller, reader in zip(callers, opened, strict=True):
        assert messages(*[await reader.item() for _ in expected[caller]]) == expected[caller], caller
    for stream in streams:
        await stream.__aexit__(None, None, None)


async def test_what_does_not_begin_is_told_as_an_event_because_clients_come_back_for_anything_else(
    server: RunningServer, world: World
) -> None:
    refused = {
        "subscription {": "GRAPHQL_PARSE_FAILED",
        "subscription { nothing }": "GRAPHQL_VALIDATION_FAILED",
        'subscription { activityLogged(after: "x") { id } }': "BAD_CURSOR",
        'subscription { commentAdded(boardId: "x") { id } }': "BAD_USER_INPUT",
    }
    for document, code in refused.items():
        async with streaming(server, world.token("owner"), document) as stream:
            assert stream.response.status_code == 200, document
            [told, complete] = await stream.end()
            [error] = json.loads(told["data"])["errors"]
            assert (error["extensions"]["code"], complete) == (code, {"event": "complete", "data": ""}), document
    assert followers(server) == []


async def test_a_bad_or_missing_credential_is_401_and_a_bad_request_400(server: RunningServer, world: World) -> None:
    for token in (None, "nonsense"):
        async with streaming(server, token, FOLLOW) as stream:
            assert stream.response.status_code == 401
            assert (await stream.refusal())["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    headers = {"accept": MEDIA, "authorization": f"Bearer {world.token('owner')}"}
    async with httpx.AsyncClient() as client:
        for body in (b"", b"null", b"[]", b"{}", b'{"query": 1}', b'{"query": "{ viewer { role } }", "variables": []}'):
            sent = {**headers, "content-type": "application/json"}
            response = await client.post(server.http, content=body, headers=sent)
            assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
        response = await client.delete(server.http, headers=headers)
        assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_queries_and_mutations_are_one_event(server: RunningServer, world: World) -> None:
    async with streaming(server, world.token("owner"), "{ viewer { role } }") as stream:
        assert await stream.item() == {"data": {"viewer": {"role": "OWNER"}}}
        assert await stream.end() == [{"event": "complete", "data": ""}]


async def test_by_get_only_subscriptions_run(gql: Client, server: RunningServer, world: World) -> None:
    headers = {"accept": MEDIA, "authorization": f"Bearer {world.token('owner')}"}
    async with httpx.AsyncClient(timeout=30) as client:
        mutation = 'mutation { logActivity(input: {eventType: "a.b"}) { event { id } } }'
        for document in (mutation, "{ viewer { role } }"):
            response = await client.get(server.http, params={"query": document}, headers=headers)
            assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
        asked = {"query": FOLLOW, "variables": json.dumps({"after": cursor(world, 19)})}
        async with client.stream("GET", server.http, params=asked, headers=headers) as response:
            [told] = [await Stream(response).item()]
    assert told["data"]["activityLogged"]["cursor"] == cursor(world, 20)


async def test_a_stream_whose_credential_ends_says_so_and_completes(server: RunningServer, world: World) -> None:
    async with streaming(server, world.token("bot"), FOLLOW) as stream:
        await until_waiting(server, 1)
        token = parse_token(world.token("bot"))
        assert token is not None
        async with server.database.operating() as connection:
            await revoke_token(connection, token.public_id)
        payload = await stream.item()
        assert payload["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
        assert await stream.end() == [{"event": "complete", "data": ""}]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"socket_ping_s": 0.1, "sockets_per_principal_max": 2})


async def test_a_silent_stream_is_kept_awake_by_comments(server: RunningServer, world: World) -> None:
    async with streaming(server, world.token("owner"), FOLLOW) as stream:
        assert [await stream.event() for _ in range(3)] == [{"comment": ""}] * 3


async def test_a_principal_that_has_its_most_streams_open_is_refused_one_more(
    server: RunningServer, world: World
) -> None:
    async with (
        streaming(server, world.token("owner"), FOLLOW) as first,
        streaming(server, world.token("owner"), FOLLOW) as second,
    ):
        for stream in (first, second):
            assert await stream.event() == {"comment": ""}
        async with streaming(server, world.token("owner"), FOLLOW) as third:
            assert third.response.status_code == 429
            [error] = (await third.refusal())["errors"]
            assert error["extensions"] == {"code": "LIMIT_EXCEEDED"}
        async with streaming(server, world.token("bot"), FOLLOW) as other:
            assert other.response.status_code == 200


async def test_a_stream_that_is_old_is_cut_without_complete(settings: Settings, world: World) -> None:
    async with (
        running_server(settings.model_copy(update={"socket_lifetime_s": 0.2})) as server,
        streaming(server, world.token("owner"), FOLLOW) as stream,
    ):
        assert await stream.end() == []
