"""What a JWT opened ends when it expires, and when the rights behind its subject end; looking subjects up costs what tokens cost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from tests.access.closing import FORBIDDEN, Ending, ending
from tests.access.effects import connected
from tests.access.provider import AUDIENCE, ISSUER, Clock, compact, hs256
from tests.access.test_credentials import REFUSED
from tests.access.test_streams import followers
from tests.support.clients import Client, Statements, content_of, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.principal import Credentials, Identity, Presented
from trailcast.access.tokens import parse_token
from trailcast.settings import Settings

LEEWAY_S = 30
SECRET = "a secret of thirty-two bytes or so"
LEFT = timedelta(milliseconds=300)
STREAM = "subscription { activityLogged { message } }"
ROLE = "{ viewer { role } }"
LOG = "mutation($input: LogActivityInput!) { logActivity(input: $input) { errors { code } } }"
SYNC = "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { errors { code } } }"
ENDED = {
    "data": None,
    "errors": [
        {"message": "The credential of this feed does not count any more.", "extensions": {"code": "UNAUTHENTICATED"}}
    ],
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server(settings: Settings, clock: Clock) -> AsyncIterator[RunningServer]:
    """It takes JWTs signed with a secret: where the keys are from is nothing to these tests."""
    wanted = Settings(
        database_url=settings.database_url,
        port=0,
        tick_ms=200,
        jwt_secret=SecretStr(SECRET),
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        jwt_leeway_s=LEEWAY_S,
    )
    async with running_server(wanted, clock) as running:
        yield running


@dataclass(frozen=True)
class Scene:
    """A server of the test's own, and whatever it takes to change the rights in it."""

    server: RunningServer
    gql: Client
    world: World
    clock: Clock

    def jwt(self, subject: str = "sub|member", left: timedelta = timedelta(minutes=5)) -> str:
        """One that counts for so long."""
        expiry = (self.clock.now + left).timestamp() - LEEWAY_S
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": expiry}
        return compact({"alg": "HS256"}, claims, hs256(SECRET.encode()))

    async def sync(self, **rows: Any) -> None:
        answer = await self.gql.data(SYNC, {"input": rows}, token=self.world.token("service"))
        assert answer == {"syncDirectory": {"errors": []}}

    async def sql(self, statement: str, *values: object) -> None:
        """As the owner of the tables, past the engine."""
        async with connected(self.server) as connection:
            assert (await connection.execute(statement, *values)).split()[-1] == "1"


@pytest.fixture
def scene(server: RunningServer, gql: Client, world: World, clock: Clock) -> Scene:
    return Scene(server, gql, world, clock)


async def test_socket_is_closed_when_its_jwt_expires(scene: Scene) -> None:
    async with open_socket(scene.server.ws, scene.jwt(left=LEFT)) as socket:
        assert await ending(socket) == Ending([], *FORBIDDEN)


async def test_stream_is_ended_and_its_socket_closed_when_the_jwt_expires(scene: Scene) -> None:
    async with open_socket(scene.server.ws, scene.jwt(left=LEFT)) as socket:
        await socket.subscribe(STREAM)
        end = await ending(socket)
    assert (end.code, end.reason) == FORBIDDEN
    assert not [frame for frame in end.frames if '"data":{' in frame]


async def test_event_stream_is_ended_when_the_jwt_expires(scene: Scene) -> None:
    headers = {"authorization": f"Bearer {scene.jwt(left=LEFT)}", "accept": "text/event-stream"}
    response = await scene.gql._http.post(scene.server.http, json={"query": STREAM}, headers=headers)
    assert response.text.endswith("event: complete\ndata:\n\n")
    assert "The credential of this feed has expired." in response.text


async def test_request_and_operation_are_refused_from_the_moment_of_expiry_and_leeway(scene: Scene) -> None:
    token = scene.jwt(left=timedelta(minutes=1))
    async with open_socket(scene.server.ws, token) as socket:
        scene.clock.now += timedelta(minutes=1) - timedelta(milliseconds=1)
        assert await scene.gql.data(ROLE, token=token) == {"viewer": {"role": "MEMBER"}}
        await socket.subscribe(ROLE)
        assert await socket.next() == {"data": {"viewer": {"role": "MEMBER"}}}
        assert (await socket.receive())["type"] == "complete"
        scene.clock.now += timedelta(milliseconds=1)
        await scene.gql(ROLE, token=token)
        assert (scene.gql.last.status_code, content_of(scene.gql.last)) == (401, REFUSED)
        await socket.subscribe(ROLE, operation="2")
        assert (await socket.next("2"))["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


Change: TypeAlias = Callable[[Scene], Awaitable[None]]


def member(scene: Scene, **given: Any) -> dict[str, Any]:
    return {"id": scene.world.id("member"), **given}


# How the member's JWT loses what it gave access to.
ENDS: Mapping[str, Change] = {
    "membership ended": lambda s: s.sync(
        memberships=[{"userId": s.world.id("member"), "role": "MEMBER", "isDeleted": True}]
    ),
    "membership deleted": lambda s: s.sql("DELETE FROM memberships WHERE user_id = $1", UUID(s.world.id("member"))),
    "user deleted": lambda s: s.sync(users=[member(s, isDeleted=True)]),
    "user became another's": lambda s: s.sync(users=[member(s, name="Mia", externalId="sub|somebody-else")]),
    "user became nobody's": lambda s: s.sql(
        "UPDATE users SET external_id = NULL WHERE id = $1", UUID(s.world.id("member"))
    ),
}


@pytest.mark.parametrize("way", ENDS)
async def test_access_that_ends_ends_requests_and_running_streams(scene: Scene, way: str) -> None:
    token = scene.jwt()
    async with open_socket(scene.server.ws, token) as socket:
        await socket.subscribe(STREAM)
        await until(lambda: followers(scene.server, scene.world, "acme") == 1)
        await ENDS[way](scene)
        # Nothing has to be written for the stream to end.
        assert [await socket.receive() for _ in range(2)] == [
            {"id": "1", "type": "next", "payload": ENDED},
            {"id": "1", "type": "complete"},
        ]
    await scene.gql(ROLE, token=token)
    assert (scene.gql.last.status_code, content_of(scene.gql.last)) == (401, REFUSED)
    async with open_socket(scene.server.ws) as socket:
        await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        assert await ending(socket) == Ending([], *FORBIDDEN)


async def test_rights_that_change_count_in_a_running_stream(scene: Scene) -> None:
    async with open_socket(scene.server.ws, scene.jwt("sub|stranger")) as socket:
        await socket.subscribe(STREAM)
        await until(lambda: followers(scene.server, scene.world, "acme") == 1)
        await scene.sql("UPDATE memberships SET role = 'ADMIN' WHERE user_id = $1", UUID(scene.world.id("stranger")))
        given = {"eventType": "custom.noted", "message": "for admins"}
        await scene.gql.data(LOG, {"input": given}, token=scene.world.token("owner"))
        assert await socket.next() == {"data": {"activityLogged": {"message": "for admins"}}}


async def test_each_workspace_says_which_of_its_users_a_subject_is(scene: Scene) -> None:
    """A workspace that names the subject of another's user gives it access to itself, and gets none."""
    other = uuid4()
    globex = UUID(scene.world.globex)
    await scene.sql(
        "INSERT INTO users (workspace_id, id, name, external_id) VALUES ($1, $2, 'Mia of Globex', 'sub|member')",
        globex,
        other,
    )
    document = "{ viewer { actor { id name } workspaces { name } } }"
    answer = {"id": scene.world.id("member"), "name": "Mia"}
    known = {"viewer": {"actor": answer, "workspaces": [{"name": "Acme"}]}}
    assert await scene.gql.data(document, token=scene.jwt()) == known
    await scene.sql("INSERT INTO memberships (workspace_id, user_id, role) VALUES ($1, $2, 'OWNER')", globex, other)
    homes = [{"name": "Acme"}, {"name": "Globex"}]
    assert await scene.gql.data(document, token=scene.jwt()) == {"viewer": {"actor": answer, "workspaces": homes}}
    picked = await scene.gql(document, token=scene.jwt(), headers={"x-workspace": scene.world.globex})
    there = {"id": str(other), "name": "Mia of Globex"}
    assert picked == {"data": {"viewer": {"actor": there, "workspaces": homes}}}
    # A token names the user's id, and serves where that is known.
    by_token = await scene.gql.data(document, token=scene.world.token("member"))
    assert by_token == known


async def test_many_subjects_cost_one_statement_and_all_get_their_own(scene: Scene) -> None:
    principals, moment = scene.server.services.principals, scene.clock.now + timedelta(minutes=1)
    names: Mapping[str, str | None] = {
        "owner": "Olive",
        "admin": "Adam",
        "member": "Mia",
        "double": "Dora",
        "globex_owner": "Gina",
        "nobody": None,
    }
    asked = [(who, Identity(f"sub|{who}", moment)) for _ in range(50) for who in names]
    with Statements(scene.server.database) as statements:
        found = await asyncio.gather(*(principals.load(identity) for _, identity in asked))
        assert len(statements.texts) == 1
    assert [principal.actor.name if principal else None for principal in found] == [names[who] for who, _ in asked]


async def test_subjects_and_tokens_are_looked_up_together(scene: Scene) -> None:
    principals, moment = scene.server.services.principals, scene.clock.now + timedelta(minutes=1)
    async with connected(scene.server) as connection:
        await connection.execute("UPDATE credentials SET last_used_at = '2100-01-01'")
    tokens = [parse_token(scene.world.token(who)) for who in ("member", "bot", "service")]
    asked: list[Presented] = [Credentials(token) for token in tokens if token]
    asked.append(Identity("sub|member", moment))
    with Statements(scene.server.database) as statements:
        found = await asyncio.gather(*(principals.load(one) for one in asked))
        assert len(statements.texts) == 4
    assert [principal.actor.name for principal in found if principal] == ["Mia", "Bot", "service", "Mia"]
    by_token, by_subject = found[0], found[3]
    assert by_token is not None
    assert by_subject is not None
    assert (by_subject.scope, by_subject.writable, by_subject.head) == (
        by_token.scope,
        by_token.writable,
        by_token.head,
    )
    assert (by_subject.expires_at, by_subject.last_use_due) == (moment, False)
