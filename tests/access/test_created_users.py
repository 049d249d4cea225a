"""People who come by JWT and are unknown: refused, and made users without memberships only in the workspace that a setting names."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from tests.access.effects import connected
from tests.access.provider import AUDIENCE, ISSUER, Clock, compact, hs256
from tests.access.test_credentials import REFUSED
from tests.support.clients import Client, content_of
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.errors import ConfigurationError
from trailcast.settings import Settings, load_settings

SECRET = "a secret of thirty-two bytes or so"
WHO = "{ viewer { actor { name } workspace { name } role boards { canWrite } } }"
USERS = '{ users(text: "sub|new") { nodes { id name } } }'
SYNC = "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { errors { code } } }"


@dataclass(frozen=True)
class Scene:
    server: RunningServer
    gql: Client
    world: World
    sql: asyncpg.Connection

    async def come(self, subject: str = "sub|new", secret: str = SECRET, **headers: str) -> None:
        """Be refused, as anybody would be."""
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": self.server.services.clock().timestamp() + 60}
        token = compact({"alg": "HS256"}, claims, hs256(secret.encode()))
        await self.gql(WHO, token=token, headers=headers)
        assert (self.gql.last.status_code, content_of(self.gql.last)) == (401, REFUSED)
        await until(lambda: not self.server.services.authenticator._follow_ups._running)

    async def users(self) -> list[dict[str, Any]]:
        """As the owner of Acme sees them."""
        answer = await self.gql.data(USERS, token=self.world.token("owner"))
        found: list[dict[str, Any]] = answer["users"]["nodes"]
        return found


@pytest.fixture
def home(world: World) -> UUID | None:
    return UUID(world.acme)


@pytest.fixture
async def scene(settings: Settings, world: World, home: UUID | None) -> AsyncIterator[Scene]:
    given = {
        "jwt_secret": SecretStr(SECRET),
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
        "jwt_create_users_in": home,
    }
    async with (
        running_server(settings.model_copy(update=given), Clock()) as server,
        Client(server.http) as gql,
        connected(server) as sql,
    ):
        yield Scene(server, gql, world, sql)


async def test_unknown_person_becomes_a_user_who_sees_nothing_until_a_membership_comes(scene: Scene) -> None:
    for _ in range(3):
        await scene.come()
    [user] = await scene.users()
    assert user["name"] == "sub|new"
    assert await scene.sql.fetchval("SELECT count(*) FROM memberships WHERE user_id = $1", UUID(user["id"])) == 0
    membership = {"userId": user["id"], "role": "MEMBER", "grants": []}
    rows = {"users": [{"id": user["id"], "name": "Nora", "externalId": "sub|new"}], "memberships": [membership]}
    answer = await scene.gql.data(SYNC, {"input": rows}, token=scene.world.token("service"))
    assert answer == {"syncDirectory": {"errors": []}}
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "sub|new", "exp": scene.server.services.clock().timestamp() + 60}
    token = compact({"alg": "HS256"}, claims, hs256(SECRET.encode()))
    assert await scene.gql.data(WHO, token=token) == {
        "viewer": {"actor": {"name": "Nora"}, "workspace": {"name": "Acme"}, "role": "MEMBER", "boards": []}
    }


async def test_nobody_is_created_by_a_bad_jwt_or_where_another_workspace_is_asked_for(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    before = await scene.sql.fetchval("SELECT count(*) FROM users")
    await scene.come(secret="another secret of thirty-two bytes")
    await scene.come(**{"x-workspace": scene.world.globex})
    # Who is known there and no member any more stays as it was.
    await scene.sql.execute("DELETE FROM memberships WHERE user_id = $1", UUID(scene.world.id("stranger")))
    await scene.come("sub|stranger")
    assert await scene.sql.fetchval("SELECT count(*) FROM users") == before
    assert caplog.text == ""


@pytest.mark.parametrize("home", [None])
async def test_nobody_is_created_unless_the_setting_says_so(
    scene: Scene, home: UUID | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for _ in range(3):
        await scene.come()
    assert (home, await scene.users()) == (None, [])
    assert [record.levelname for record in caplog.records if record.message.startswith("a JWT was right")] == ["INFO"]
    assert "sub|new" not in caplog.text


@pytest.mark.parametrize("home", [UUID(int=1)])
async def test_workspace_that_is_not_there_is_a_line_in_the_log(
    scene: Scene, home: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.come()
    assert (home, await scene.users()) == (UUID(int=1), [])
    assert "a refused sign-in could not be noted" in caplog.text


def test_setting_needs_a_key_to_verify_by() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(jwt_create_users_in=UUID(int=1))
    assert refused.value.message.startswith("TRAILCAST_JWT_CREATE_USERS_IN is set, but no key")
