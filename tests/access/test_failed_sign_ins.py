"""Sign-ins that fail: they cost the same whatever is wrong, are limited by address and never limit a good one, and leave an event."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.access.closing import FORBIDDEN, Ending, ending
from tests.access.effects import connected
from tests.access.test_credentials import REFUSED, changed, parsed
from tests.doors.test_attempts import Passing
from tests.support.clients import SUBPROTOCOL, Client, Socket, Statements, content_of
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.tokens import Token, make_token
from trailcast.ledger.admin import create_token, revoke_token
from trailcast.records import ActorKind
from trailcast.settings import Settings

WHO = "{ viewer { actor { name } } }"
STREAM = "subscription { activityLogged { message } }"
FAILED = """{ activityEvents(filter: { eventType: ["auth.login_failed"], actorKind: [SYSTEM] }, direction: ASC) { nodes {
  category action outcome message actor { kind id name } entityType entityId entityName metadata ipAddress userAgent
  board { id } } } }"""
HERE, ELSEWHERE = "203.0.113.7", "2001:db8::7"
SUBJECTS = {ActorKind.USER: "member", ActorKind.AGENT: "bot", ActorKind.SERVICE: "service"}
FAULTS = ("unknown", "wrong secret", "revoked", "expired")


@dataclass(frozen=True)
class Scene:
    """A server behind a proxy, which says where its clients are."""

    server: RunningServer
    gql: Client
    world: World
    passing: Passing

    async def try_in(self, token: str, address: str = HERE, **headers: str) -> httpx.Response:
        sent = {"x-forwarded-for": address, "user-agent": "probe/1.0", **headers}
        await self.gql(WHO, token=token, headers=sent)
        return self.gql.last

    @asynccontextmanager
    async def socket(self, token: str, address: str = HERE) -> AsyncGenerator[Socket]:
        headers = {"x-forwarded-for": address, "user-agent": "probe/1.0"}
        protocols: Any = [SUBPROTOCOL]
        async with connect(self.server.ws, subprotocols=protocols, additional_headers=headers) as connection:
            socket = Socket(connection)
            await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
            yield socket

    async def bad_token(self, kind: ActorKind, fault: str) -> str:
        """One of a kind, of whom the world knows by that name."""
        if fault == "unknown":
            return str(make_token(kind))
        known = await self.new_token(kind, datetime.now(UTC) - timedelta(hours=1) if fault == "expired" else None)
        if fault == "revoked":
            async with self.server.database.operating() as connection:
                await revoke_token(connection, parsed(known).public_id)
        return changed(known, secret=make_token(kind).secret) if fault == "wrong secret" else known

    async def new_token(self, kind: ActorKind, expires_at: datetime | None = None) -> str:
        subject = await self.subject_id(kind)
        async with self.server.database.operating() as connection:
            return await create_token(
                connection, kind, UUID(self.world.acme), UUID(subject), name="new", expires_at=expires_at
            )

    async def subject_id(self, kind: ActorKind) -> str:
        if kind is not ActorKind.SERVICE:
            return self.world.id(SUBJECTS[kind])
        async with connected(self.server) as sql:
            return str(await sql.fetchval("SELECT id FROM services WHERE workspace_id = $1", UUID(self.world.acme)))

    async def failed(self, owner: str = "owner") -> list[dict[str, Any]]:
        """What the log says of failed sign-ins, once it is said."""
        await until(lambda: not self.server.services.authenticator._follow_ups._running)
        answer = await self.gql.data(FAILED, token=self.world.token(owner))
        found: list[dict[str, Any]] = answer["activityEvents"]["nodes"]
        return found


@pytest.fixture
def stores() -> bool:
    return True


@pytest.fixture
async def scene(settings: Settings, world: World, stores: bool) -> AsyncIterator[Scene]:
    passing = Passing()
    given = {
        "sign_in_failures_max": 5,
        "sign_in_failures_window_s": 50,
        "trusted_proxies": "127.0.0.1",
        "store_client_address": stores,
    }
    async with (
        running_server(settings.model_copy(update=given), monotonic=passing) as server,
        Client(server.http) as gql,
    ):
        yield Scene(server, gql, world, passing)


async def test_whatever_is_wrong_with_a_token_costs_the_same_and_is_answered_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []
    matches = Token.matches

    def spy(token: Token, stored: bytes) -> bool:
        compared.append(stored)
        return matches(token, stored)

    monkeypatch.setattr(Token, "matches", spy)
    for number, kind in enumerate(SUBJECTS):
        work = set()
        for fault in FAULTS:
            token = await scene.bad_token(kind, fault)
            compared.clear()
            with Statements(scene.server.database) as statements:
                response = await scene.try_in(token, f"192.0.2.{number}")
                assert (response.status_code, content_of(response)) == (401, REFUSED)
                work.add((*statements.of("credentials"), len(compared), len(compared[0])))
        # One statement, the same for all, and one comparison with 32 bytes.
        [(statement, *comparison)] = work
        assert (str(statement).split()[0], comparison) == ("SELECT", [1, 32]), kind


async def test_failures_are_limited_by_address_and_good_credentials_never_are(scene: Scene) -> None:
    bad, good = str(make_token(ActorKind.USER)), scene.world.token("member")
    statuses = [(await scene.try_in(bad)).status_code for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    # What cannot be a token counts alike, and so do sockets and event streams.
    for attempt in (
        scene.try_in("nonsense"),
        scene.try_in(good, **{"x-agent-token": good}),
        scene.try_in(bad, accept="text/event-stream"),
    ):
        response = await attempt
        assert (response.status_code, response.headers["retry-after"]) == (429, "10")
        [error] = response.json()["errors"]
        assert error["extensions"] | {"requestId": ""} == {
            "code": "RATE_LIMITED",
            "retryAfterMs": 10_000,
            "requestId": "",
        }
    async with scene.socket(bad) as socket:
        end = await ending(socket)
    assert (end.frames, end.code) == ([], 1013)
    assert str(end.reason).startswith("RATE_LIMITED: Too many failed sign-ins: ")
    # From there good ones pass, by every door, and whoever brings none; elsewhere nothing is limited.
    assert (await scene.try_in(good)).json()["data"] == {"viewer": {"actor": {"name": "Mia"}}}
    async with scene.socket(good) as socket:
        assert (await socket.receive())["type"] == "connection_ack"
    anonymous = await scene.gql("{ __typename }", headers={"x-forwarded-for": HERE})
    assert anonymous == {"data": {"__typename": "Query"}}
    assert (await scene.try_in(bad, ELSEWHERE)).status_code == 401
    async with scene.socket(bad, ELSEWHERE) as socket:
        assert await ending(socket) == Ending([], *FORBIDDEN)
    scene.passing.now += 10
    assert [(await scene.try_in(bad)).status_code for _ in range(2)] == [401, 429]


@pytest.mark.parametrize("stores", [True, False], ids=["address stored", "address not stored"])
async def test_failed_sign_in_is_an_event_of_the_workspace_that_the_token_is_of(scene: Scene, stores: bool) -> None:
    expected: list[dict[str, Any]] = []
    for kind, subject in SUBJECTS.items():
        for fault in FAULTS:
            address = f"192.0.2.{len(expected)}"
            await scene.try_in(await scene.bad_token(kind, fault), address)
            if fault == "unknown":
                continue
            expected.append(
                {
                    "category": "auth", "action": "logged_in", "outcome": "FAILURE", "message": None,
                    "actor": {"kind": "SYSTEM", "id": str(UUID(int=0)), "name": "System"},
                    "entityType": kind.value.lower(), "entityId": await scene.subject_id(kind),
                    "entityName": {"member": "Mia", "bot": "Bot"}.get(subject, subject),
                    "metadata": {"reason": fault.replace(" ", "_")},
                    "ipAddress": address if stores else None, "userAgent": "probe/1.0" if stores else None,
                    "board": None,
                }
            )  # fmt: skip
            assert await scene.failed() == expected
    # Nobody else hears of it.
    assert await scene.failed("member") == await scene.failed("bot") == await scene.failed("globex_owner") == []


async def test_event_is_written_once_a_minute_for_each_token_and_address(scene: Scene) -> None:
    first, second = [await scene.bad_token(ActorKind.USER, "revoked") for _ in range(2)]
    # Beyond the limit of the address as well: whose token is tried shall be known.
    for _ in range(10):
        await scene.try_in(first)
    async with scene.socket(first) as socket:
        await ending(socket)
    assert len(await scene.failed()) == 1
    await scene.try_in(second)
    await scene.try_in(first, ELSEWHERE)
    await scene.try_in(first, "2001:db8::8")
    assert [event["ipAddress"] for event in await scene.failed()] == [HERE, HERE, ELSEWHERE]
    scene.passing.now += 60
    await scene.try_in(first)
    assert len(await scene.failed()) == 4


async def test_event_of_a_users_token_is_in_the_workspace_of_the_oldest_membership(scene: Scene) -> None:
    wrong = changed(scene.world.token("double"), secret=make_token(ActorKind.USER).secret)
    await scene.try_in(wrong, **{"x-workspace": scene.world.globex})
    assert [event["entityName"] for event in await scene.failed()] == ["Dora"]
    assert await scene.failed("globex_owner") == []


async def test_event_that_cannot_be_written_changes_no_answer(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(scene.server) as sql:
        await sql.execute("REVOKE INSERT ON events FROM trailcast_app")
        response = await scene.try_in(await scene.bad_token(ActorKind.AGENT, "wrong secret"))
        assert (response.status_code, content_of(response)) == (401, REFUSED)
        assert await scene.failed() == []
        await sql.execute("GRANT INSERT ON events TO trailcast_app")
    assert "a refused sign-in could not be noted" in caplog.text


async def test_stop_waits_for_what_is_still_to_be_written(settings: Settings, world: World, database_url: str) -> None:
    async with running_server(settings) as server, Client(server.http) as gql:
        scene = Scene(server, gql, world, Passing())
        token = await scene.bad_token(ActorKind.SERVICE, "revoked")
        async with connected(server) as sql:
            async with sql.transaction():
                await sql.execute("SELECT FROM heads WHERE workspace_id = $1 FOR UPDATE", UUID(world.acme))
                # Answered while nothing can be written.
                assert (await scene.try_in(token)).status_code == 401
                assert len(server.services.authenticator._follow_ups._running) == 1
                closing = asyncio.create_task(server.services.authenticator._follow_ups.close())
                await asyncio.sleep(0)
                assert not closing.done()
            await closing
            written = await sql.fetchval("SELECT count(*) FROM events WHERE actor_id = $1", UUID(int=0))
        assert written == 1
