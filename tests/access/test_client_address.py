"""`ipAddress` and `userAgent`: stored only where the setting allows it, shown only to owners, admins and services."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.access.effects import connected
from tests.access.test_streams import followers
from tests.support.clients import SUBPROTOCOL, Client, Socket, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.settings import Settings

LOG = """mutation { logActivity(input: { eventType: "custom.noted", message: "M" }) {
  event { id ipAddress userAgent } errors { code } } }"""
READ = """query($id: ID!) { activityEvent(id: $id) { ipAddress userAgent }
  activityEvents(first: 1) { nodes { ipAddress userAgent } } node(id: $id) { ... on ActivityEvent { ipAddress userAgent } } }"""
STORED = {"ipAddress": "127.0.0.1", "userAgent": "probe/1.0"}
HIDDEN = {"ipAddress": None, "userAgent": None}


@pytest.fixture
async def storing(settings: Settings) -> AsyncIterator[RunningServer]:
    async with running_server(settings.model_copy(update={"store_client_address": True})) as running:
        yield running


async def log(client: Client, token: str) -> dict[str, Any]:
    answer = await client(LOG, token=token, headers={"User-Agent": "probe/1.0"})
    event: dict[str, Any] = answer["data"]["logActivity"]["event"]
    return event


@pytest.mark.parametrize("writer", ["member", "bot"])
async def test_address_is_shown_to_owners_admins_and_services_and_not_to_its_own_writer(
    storing: RunningServer, world: World, writer: str
) -> None:
    async with Client(storing.http) as client:
        event = await log(client, world.token(writer))
        assert {**HIDDEN, "id": event["id"]} == event
        for caller, seen in {"owner": STORED, "admin": STORED, "service": STORED, writer: HIDDEN}.items():
            answer = await client.data(READ, {"id": event["id"]}, token=world.token(caller))
            assert answer == {"activityEvent": seen, "activityEvents": {"nodes": [seen]}, "node": seen}, caller
            trail = f'{{ auditTrail(entityType: "{("user" if writer == "member" else "agent")}", entityId: "{world.id(writer)}")'
            trail += " { lastEvent { ipAddress userAgent } } }"
            assert await client.data(trail, token=world.token(caller)) == {"auditTrail": {"lastEvent": seen}}, caller


async def test_address_is_shown_to_its_writer_where_that_one_may_see_addresses(
    storing: RunningServer, world: World
) -> None:
    async with Client(storing.http) as client:
        event = await log(client, world.token("owner"))
        assert event == {**STORED, "id": event["id"]}


@pytest.mark.parametrize("after", [True, False], ids=["replayed", "live"])
async def test_stream_shows_the_address_to_the_same_callers(storing: RunningServer, world: World, after: bool) -> None:
    """One delivery is read for everybody: what it holds must not reach those who may not see it."""
    document = "subscription($since: DateTime) { activityLogged(since: $since) { ipAddress userAgent message } }"
    since = "2026-01-01T00:00:00Z" if after else None
    async with (
        Client(storing.http) as client,
        open_socket(storing.ws, world.token("owner")) as owner,
        open_socket(storing.ws, world.token("member")) as member,
    ):
        if after:
            await log(client, world.token("member"))
        for socket in (owner, member):
            await socket.subscribe(document, {"since": since})
        await until(lambda: followers(storing, world, "acme") == 2)
        if not after:
            await log(client, world.token("member"))
        for socket, seen in ((owner, STORED), (member, HIDDEN)):
            item = await socket.next()
            while item["data"]["activityLogged"]["message"] != "M":
                assert item["data"]["activityLogged"] | HIDDEN == item["data"]["activityLogged"]
                item = await socket.next()
            assert item["data"]["activityLogged"] == {**seen, "message": "M"}


async def test_address_of_a_writer_over_a_socket_is_that_of_the_socket(storing: RunningServer, world: World) -> None:
    async with open_socket(storing.ws, world.token("owner")) as socket:
        await socket.subscribe(LOG)
        event = (await socket.next())["data"]["logActivity"]["event"]
        assert event["ipAddress"] == "127.0.0.1"
        assert event["userAgent"].startswith("Python/")


async def test_no_address_is_stored_unless_the_setting_says_so(
    server: RunningServer, gql: Client, world: World
) -> None:
    event = await log(gql, world.token("owner"))
    assert event == {**HIDDEN, "id": event["id"]}
    async with connected(server) as sql:
        kept = await sql.fetchval("SELECT count(*) FROM events WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL")
    assert kept == 0


@pytest.mark.parametrize(
    ("trusted", "address"), [("", "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1"), ("127.0.0.0/8, ::1", "203.0.113.7")]
)
async def test_forwarded_address_is_believed_only_of_a_trusted_proxy(
    settings: Settings, world: World, trusted: str, address: str
) -> None:
    given = settings.model_copy(update={"store_client_address": True, "trusted_proxies": trusted})
    forwarded = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7"}
    async with running_server(given) as running, Client(running.http) as client:
        answer = await client(LOG, token=world.token("owner"), headers=forwarded)
        assert answer["data"]["logActivity"]["event"]["ipAddress"] == address
        protocols: Any = [SUBPROTOCOL]
        async with connect(running.ws, subprotocols=protocols, additional_headers=forwarded) as connection:
            socket = Socket(connection)
            await socket.acknowledge({"Authorization": f"Bearer {world.token('owner')}"})
            await socket.subscribe(LOG)
            assert (await socket.next())["data"]["logActivity"]["event"]["ipAddress"] == address
