"""Keys of a JWKS: read when they are needed and not more often, used for a while when they cannot be, if they are for that at all."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import OKPAlgorithm

from tests.access.closing import Ending, ending
from tests.access.provider import (
    ALGORITHMS,
    AUDIENCE,
    ISSUER,
    Clock,
    Key,
    Provider,
    key_of,
    running_provider,
    standard_keys,
)
from tests.access.test_credentials import REFUSED
from tests.support.clients import Client, content_of, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from trailcast.access.jwt import Header, Rules, read_keys, verify
from trailcast.access.principal import Identity
from trailcast.access.tokens import Jwt
from trailcast.errors import Unauthenticated
from trailcast.settings import Settings

TTL_S, RETRY_S, STALE_S = 300, 10, 3600
ROLE = "{ viewer { role } }"
UNREADABLE = (
    b'{"errors":[{"message":"The keys that sign-ins are verified by cannot be read right now: try again in a moment.",'
)
UNREADABLE += b'"extensions":{"code":"UNAVAILABLE"}}]}'
AGAIN = (1013, "The log cannot be reached right now: try again in a moment.")
SECOND = "second"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running_provider() as provider:
        yield provider


@dataclass(frozen=True)
class Scene:
    """A server of the test's own that takes a provider's JWTs."""

    server: RunningServer
    gql: Client
    provider: Provider
    clock: Clock

    def jwt(self, key: Key | None = None, **header: Any) -> str:
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "sub|member", "exp": self.clock.in_seconds(60)}
        return (key or key_of("first", "RS256")).sign(claims, **header)

    async def status(self, key: Key | None = None, **header: Any) -> int:
        answer = await self.gql(ROLE, token=self.jwt(key, **header))
        status = self.gql.last.status_code
        if status == 200:
            assert answer == {"data": {"viewer": {"role": "MEMBER"}}}
        else:
            assert content_of(self.gql.last) == {401: REFUSED, 503: UNREADABLE}[status]
        return status

    def pass_time(self, seconds: float) -> None:
        self.clock.now += timedelta(seconds=seconds)

    @property
    def readings(self) -> int:
        return len(self.provider.requests)


async def settings_for(settings: Settings, provider: Provider, **more: Any) -> Settings:
    """As an operator would find them: the address of the keys is what the provider's configuration says."""
    async with httpx.AsyncClient() as http:
        found = (await http.get(f"{provider.url}/.well-known/openid-configuration")).json()
    provider.requests.clear()
    wanted = {"jwt_jwks": found["jwks_uri"], "jwt_issuer": found["issuer"], "jwt_audience": AUDIENCE, **more}
    return Settings(database_url=settings.database_url, port=0, tick_ms=200, sign_in_cache_ms=0, **wanted)


@pytest.fixture
async def scene(settings: Settings, provider: Provider) -> AsyncIterator[Scene]:
    clock = Clock()
    async with running_server(await settings_for(settings, provider), clock) as server, Client(server.http) as gql:
        yield Scene(server, gql, provider, clock)


async def test_keys_are_read_with_the_first_jwt_and_kept(scene: Scene) -> None:
    assert scene.readings == 0
    for algorithm, key in zip(ALGORITHMS, standard_keys(), strict=True):
        assert key.algorithm == algorithm
        assert await scene.status(key) == 200
    scene.pass_time(TTL_S - 1)
    assert await scene.status() == 200
    assert scene.provider.requests == ["/keys"]
    scene.pass_time(1)
    assert await scene.status() == 200
    assert scene.readings == 2


async def test_clock_that_is_set_back_keeps_no_key_for_longer(scene: Scene) -> None:
    assert await scene.status() == 200
    scene.provider.keys = [key_of(SECOND, "RS256").jwk]
    scene.pass_time(-1)
    assert await scene.status() == 401
    assert scene.readings == 2


async def test_many_first_jwts_share_one_reading(scene: Scene) -> None:
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(scene.gql(ROLE, token=scene.jwt()) for _ in range(30)))
    assert answers == [{"data": {"viewer": {"role": "MEMBER"}}}] * 30
    assert scene.readings == 1


async def test_token_costs_no_reading(scene: Scene) -> None:
    token = scene.jwt().replace(".", "_")
    assert await scene.gql.codes(ROLE, token=token) == ["UNAUTHENTICATED"]
    assert scene.readings == 0


async def test_unknown_key_is_looked_for_once_however_many_ask(scene: Scene) -> None:
    assert await scene.status() == 200
    assert await scene.status(kid="unknown") == 401
    assert scene.readings == 1  # they were read a moment ago
    scene.pass_time(RETRY_S)
    headers = [{"authorization": f"Bearer {scene.jwt(kid=f'unknown {number}')}"} for number in range(30)]
    await asyncio.gather(*(scene.gql(ROLE, headers=one) for one in headers))
    assert scene.readings == 2
    scene.pass_time(RETRY_S - 0.001)
    assert await scene.status(kid="unknown") == 401
    assert scene.readings == 2
    scene.pass_time(0.001)
    assert await scene.status(kid="unknown") == 401
    assert scene.readings == 3


async def test_rotated_keys_are_found_and_withdrawn_ones_end(scene: Scene) -> None:
    second = key_of(SECOND, "RS256")
    assert await scene.status() == 200
    async with open_socket(scene.server.ws, scene.jwt()) as socket:
        scene.provider.keys = [second.jwk]
        scene.pass_time(RETRY_S)
        assert await scene.status() == 200  # known, and not old
        assert await scene.status(second) == 200
        assert await scene.status() == 401
        assert scene.readings == 2
        # What was let in stays until its JWT expires.
        await socket.subscribe(ROLE)
        assert await socket.next() == {"data": {"viewer": {"role": "MEMBER"}}}


async def test_withdrawn_key_ends_with_the_time_that_keys_are_kept(scene: Scene) -> None:
    assert await scene.status() == 200
    scene.provider.keys = [key_of(SECOND, "RS256").jwk]
    scene.pass_time(TTL_S)
    assert await scene.status() == 401


async def test_without_any_keys_a_jwt_cannot_be_told_from_a_bad_one(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.provider.behaviour = scene.provider.fail
    assert await scene.status() == 503
    async with open_socket(scene.server.ws) as socket:
        await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {scene.jwt()}"}})
        assert await ending(socket) == Ending([], *AGAIN)
    assert scene.readings == 1
    assert caplog.messages == ["the keys of JWTs cannot be read (Unreadable: the answer has status 500)"]
    scene.provider.behaviour = None
    scene.pass_time(RETRY_S)
    assert await scene.status() == 200


async def test_keys_are_used_for_a_while_when_they_cannot_be_read_anew_and_then_not(scene: Scene) -> None:
    assert await scene.status() == 200
    scene.provider.behaviour = scene.provider.fail
    scene.pass_time(TTL_S)
    assert await scene.status() == 200
    assert await scene.status(key_of("curved", "ES256")) == 200
    assert await scene.status(kid="unknown") == 503  # it may be one that would be found
    assert scene.readings == 2
    scene.pass_time(STALE_S - 0.001)
    assert await scene.status() == 200
    await until(lambda: scene.readings == 3)
    scene.pass_time(0.001)
    assert await scene.status() == 503
    scene.provider.behaviour = None
    scene.pass_time(RETRY_S)
    assert await scene.status() == 200
    assert await scene.status(kid="unknown") == 401


async def test_nobody_waits_for_a_failing_provider_who_can_be_served_without(scene: Scene) -> None:
    held = asyncio.Event()

    async def hang(_path: str, _writer: asyncio.StreamWriter) -> None:
        await held.wait()

    assert await scene.status() == 200
    scene.provider.behaviour = scene.provider.fail
    scene.pass_time(TTL_S)
    assert await scene.status() == 200
    scene.provider.behaviour = hang
    scene.pass_time(RETRY_S)
    assert await scene.status() == 200
    await until(lambda: scene.readings == 3)
    reading = [task for task in asyncio.all_tasks() if task.get_name() == "trailcast-keys"]
    assert [task.done() for task in reading] == [False]
    held.set()


async def test_caller_that_goes_away_does_not_end_the_reading_for_others(scene: Scene) -> None:
    held = asyncio.Event()

    async def wait(path: str, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        await scene.provider.behave(path, writer)

    scene.provider.behaviour = wait
    sign_in = scene.server.services.authenticator.sign_in
    assert sign_in is not None
    goes, stays = (asyncio.create_task(sign_in.identify(Jwt(scene.jwt()))) for _ in range(2))
    await until(lambda: scene.readings == 1)
    goes.cancel()
    held.set()
    assert (await stays).external_id == "sub|member"
    assert scene.readings == 1


async def test_keys_in_a_file_are_read_anew_when_they_are_old(settings: Settings, tmp_path: Path) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    first, second = key_of("first", "RS256"), key_of(SECOND, "RS256")
    path.write_text(json.dumps({"keys": [first.jwk]}))
    wanted = {"jwt_jwks": str(path), "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_jwks_bytes_max": 1024}
    given = Settings(database_url=settings.database_url, port=0, sign_in_cache_ms=0, **wanted)  # type: ignore[arg-type]
    async with running_server(given, clock) as server, Client(server.http) as gql:
        scene = Scene(server, gql, Provider(), clock)
        assert [await scene.status(key) for key in (first, second)] == [200, 401]
        path.write_text(json.dumps({"keys": [second.jwk]}))
        clock.now += timedelta(seconds=TTL_S)
        assert [await scene.status(key) for key in (first, second)] == [401, 200]
        path.write_text(json.dumps({"keys": [first.jwk]}) + " " * 1024)
        clock.now += timedelta(seconds=TTL_S)
        assert [await scene.status(key) for key in (first, second)] == [503, 200]


async def test_only_the_configured_algorithms_count(settings: Settings, provider: Provider) -> None:
    given, clock = await settings_for(settings, provider, jwt_algorithms="ES256, EdDSA"), Clock()
    async with running_server(given, clock) as server, Client(server.http) as gql:
        scene = Scene(server, gql, provider, clock)
        first, *others = standard_keys()
        assert await scene.status(first) == 401
        assert scene.readings == 0  # no key would make it count
        assert [await scene.status(key) for key in others] == [200, 200]


async def test_server_that_takes_no_jwts_refuses_them_like_any_bad_credential(server: RunningServer) -> None:
    async with Client(server.http) as gql:
        assert await Scene(server, gql, Provider(), Clock()).status() == 401


# -- what is read

FIRST = key_of("first", "RS256").jwk
UNUSABLE: Mapping[str, object] = {
    "private": OKPAlgorithm.to_jwk(key_of("edwards", "EdDSA").private, as_dict=True) | {"kid": "edwards"},
    "symmetric": {"kty": "oct", "k": "c2VjcmV0", "kid": "first", "alg": "RS256"},
    "for encryption": {**FIRST, "use": "enc"},
    "for signing": {**FIRST, "key_ops": ["sign"]},
    "of another algorithm": {**FIRST, "alg": "RS512"},
    "of an algorithm for secrets": {**FIRST, "alg": "HS256"},
    "of an algorithm that is no text": {**FIRST, "alg": ["RS256"]},
    "without a kind": {**FIRST, "kty": None},
    "of broken numbers": {**FIRST, "n": 7},
    "not on its curve": {**key_of("curved", "ES256").jwk, "x": "A" * 43},
    "no object": "first",
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_key_that_is_none_for_signatures_is_left_out_and_costs_no_other(case: str) -> None:
    other = key_of(SECOND, "RS256").jwk
    keys = read_keys(json.dumps({"keys": [UNUSABLE[case], other]}).encode(), ALGORITHMS)
    assert [key.key_id for key in keys._keys] == [SECOND]
    with pytest.raises(ValueError, match="no public key for RS256, ES256, EdDSA"):
        read_keys(json.dumps({"keys": [UNUSABLE[case]]}).encode(), ALGORITHMS)


def test_key_is_found_by_its_name_and_algorithm_and_never_guessed_among_several() -> None:
    double = [FIRST, key_of(SECOND, "RS256").jwk, {**key_of(SECOND, "RS256").jwk, "kid": "first"}]
    keys = read_keys(json.dumps({"keys": double}).encode(), ALGORITHMS)
    asked = [Header("RS256", SECOND), Header("ES256", SECOND), Header("RS256", "first"), Header("RS256", None)]
    assert [key.key_id if (key := keys.find(header)) else None for header in asked] == [SECOND, None, None, None]


RULES = Rules(ISSUER, AUDIENCE, ALGORITHMS, timedelta(seconds=30), 8192)


def verified(key: Key, now: datetime, subject: str = "s") -> Identity:
    """Of a JWT that expires with the year 2029."""
    expiry = datetime(2030, 1, 1, tzinfo=UTC).timestamp()
    text = key.sign({"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": expiry})
    [read] = read_keys(json.dumps({"keys": [key.jwk]}).encode(), ALGORITHMS)._keys
    return verify(Jwt(text), read, RULES, now)


def test_identity_lasts_until_the_jwt_expires_and_the_leeway_is_over() -> None:
    key, end = key_of("first", "RS256"), datetime(2030, 1, 1, 0, 0, 30, tzinfo=UTC)
    assert verified(key, end - timedelta(microseconds=1)) == Identity("s", end)
    with pytest.raises(Unauthenticated):
        verified(key, end)


@pytest.mark.parametrize("subject", ["", "a\0b", "a\nb", "\ud800"])
def test_subject_that_no_user_can_have_is_not_looked_up(subject: str) -> None:
    with pytest.raises(Unauthenticated):
        verified(key_of("first", "RS256"), datetime(2029, 1, 1, tzinfo=UTC), subject)


def test_short_rsa_key_does_not_count() -> None:
    with pytest.raises(Unauthenticated):
        verified(Key("first", "RS256", generate_private_key(65537, 1024)), datetime(2029, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "document", ["", "{", "[]", "{}", '{"keys": {}}', '{"keys": []}', json.dumps({"keys": [FIRST] * 101})]
)
def test_document_that_is_no_jwks_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_keys(document.encode(), ALGORITHMS)
