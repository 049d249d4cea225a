"""A caller is looked up a few times a second: what that saves, and that a right that ended does not outlive it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.support.clients import Client, Statements
from tests.support.serving import running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.principal import Credentials, LogHead, Principal
from trailcast.access.scope import BoardSet, Scope
from trailcast.access.tokens import make_token, parse_token
from trailcast.doors.recent import RecentSignIns, SignedIn
from trailcast.ledger.admin import revoke_token
from trailcast.records import Actor, ActorKind, Workspace
from trailcast.settings import Settings

ASK = "{ viewer { actor { name } } }"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
HEADERS = [(b"authorization", b"Bearer x"), (b"accept", b"*/*")]


@dataclass
class Passing:
    """Time that passes when it is told to."""

    passed_s: float = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return self.passed_s


def signed_in(workspace: int = 1, expires_in_s: float | None = None) -> SignedIn:
    home = Workspace(UUID(int=workspace), "Home")
    principal = Principal(
        actor=Actor(ActorKind.SERVICE, UUID(int=9)),
        workspace=home,
        scope=Scope(home.id, everything=True),
        writable=BoardSet(all=True),
        head=LogHead(0, 1, 1),
        expires_at=None if expires_in_s is None else NOW + timedelta(seconds=expires_in_s),
    )
    return SignedIn(Credentials(make_token(ActorKind.SERVICE)), principal)


@pytest.fixture
def passing() -> Passing:
    return Passing()


@pytest.fixture
def recent(passing: Passing) -> RecentSignIns:
    return RecentSignIns(0.5, 2, passing.now, passing.monotonic)


def test_a_sign_in_serves_for_its_time_and_not_longer(recent: RecentSignIns, passing: Passing) -> None:
    key, found = recent.key_of(HEADERS), signed_in()
    assert key is not None
    recent.keep(key, found, recent.changes)
    passing.passed_s = 0.49
    assert recent.find(key) is found
    passing.passed_s = 0.5
    assert recent.find(key) is None


def test_a_credential_that_expires_meanwhile_serves_no_more(recent: RecentSignIns, passing: Passing) -> None:
    key = recent.key_of(HEADERS)
    assert key is not None
    recent.keep(key, signed_in(expires_in_s=0.2), recent.changes)
    passing.passed_s = 0.2
    assert recent.find(key) is None


def test_a_change_of_access_ends_those_of_its_workspace(recent: RecentSignIns) -> None:
    recent.keep(b"1", signed_in(1), recent.changes)
    recent.keep(b"2", signed_in(2), recent.changes)
    recent.heard_log(UUID(int=1), 7)
    recent.heard_access(UUID(int=1))
    assert (recent.find(b"1"), recent.find(b"2") is None) == (None, False)
    recent.heard_resync()
    assert recent.find(b"2") is None


def test_what_was_looked_up_before_a_change_is_not_kept(recent: RecentSignIns) -> None:
    changes = recent.changes
    recent.heard_access(UUID(int=5))
    recent.keep(b"1", signed_in(), changes)
    assert recent.find(b"1") is None


def test_those_that_came_first_are_forgotten_first(recent: RecentSignIns) -> None:
    for key in (b"1", b"2", b"3"):
        recent.keep(key, signed_in(), recent.changes)
    assert [recent.find(key) is None for key in (b"1", b"2", b"3")] == [True, False, False]


def test_headers_are_told_apart(recent: RecentSignIns, passing: Passing) -> None:
    keys = {
        recent.key_of(headers)
        for headers in (
            [(b"authorization", b"Bearer x")],
            [(b"authorization", b"Bearer x"), (b"x-workspace", b"w")],
            [(b"authorization", b"Bearer xx-workspacew")],
            [(b"x-agent-token", b"Bearer x")],
            [(b"authorization", b"Bearer"), (b"authorization", b" x")],
        )
    }
    assert len(keys) == 5
    assert None not in keys
    assert recent.key_of([(b"accept", b"*/*")]) is None
    assert RecentSignIns(0, 2, passing.now, passing.monotonic).key_of(HEADERS) is None


async def test_many_requests_are_one_look_up_until_access_changes(settings: Settings, world: World) -> None:
    remembering = settings.model_copy(update={"sign_in_cache_ms": 800})
    async with running_server(remembering) as server, Client(server.http) as gql:
        recent = server.services.authenticator.recent
        await until(lambda: server.services.bell.is_listening)
        with Statements(server.database) as ran:
            for _ in range(20):
                assert await gql.data(ASK, token=world.token("bot")) == {"viewer": {"actor": {"name": "Bot"}}}
        # A slow machine may need more than 0.8 s for twenty.
        assert 1 <= len(ran.of("credentials")) <= 5
        token = parse_token(world.token("bot"))
        assert token is not None
        assert len(recent) == 1
        async with server.database.operating() as connection:
            await revoke_token(connection, token.public_id)
        # Nothing but the bell takes away what nobody asks for.
        await until(lambda: len(recent) == 0)
        answer = await gql(ASK, token=world.token("bot"))
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


async def test_without_a_bell_a_right_ends_with_the_time(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = settings.model_copy(update={"sign_in_cache_ms": 500})
    async with running_server(deaf) as server, Client(server.http) as gql:
        recent = server.services.authenticator.recent
        monkeypatch.setattr(recent, "heard_access", lambda _workspace_id: None)
        monkeypatch.setattr(recent, "heard_resync", lambda: None)
        assert "errors" not in await gql(ASK, token=world.token("bot"))
        token = parse_token(world.token("bot"))
        assert token is not None
        async with server.database.operating() as connection:
            await revoke_token(connection, token.public_id)

        async def is_refused() -> bool:
            return "errors" in await gql(ASK, token=world.token("bot"))

        await until(is_refused)
