"""Sign-in by JWT, over HTTP and over sockets: which ones count, whom they speak for, and that all others are refused alike."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from tests.access.closing import FORBIDDEN, Ending, ending
from tests.access.provider import (
    ALGORITHMS,
    AUDIENCE,
    ISSUER,
    KEYS,
    Claims,
    Clock,
    Key,
    Provider,
    compact,
    hs256,
    key_of,
    running_provider,
    segment,
)
from tests.access.test_credentials import REFUSED, TWO
from tests.conftest import TEMPLATE
from tests.schema.servers import Shared, shared_server
from tests.support.clients import content_of, open_socket
from tests.support.world import World
from trailcast.embedded import EmbeddedPostgres

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEEWAY_S = 30
WHO = "{ viewer { actor { name } workspace { name } } }"


@dataclass(frozen=True)
class Scene:
    """A server that takes the JWTs of a provider. Its clock stands, and nothing is written through it."""

    shared: Shared
    world: World
    provider: Provider
    clock: Clock

    def claims(self, **more: Any) -> Claims:
        """Good ones of the member. None leaves out."""
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "sub|member", "exp": self.clock.in_seconds(300), **more}
        return {name: value for name, value in said.items() if value is not None}

    def key(self, algorithm: str = "RS256") -> Key:
        return key_of(KEYS[algorithm], algorithm)

    def jwt(self, **more: Any) -> str:
        return self.key().sign(self.claims(**more))

    async def ask(self, headers: Mapping[str, str], document: str = WHO) -> dict[str, Any]:
        return await self.shared.gql(document, headers=dict(headers))

    async def ask_by_socket(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        async with open_socket(self.shared.server.ws) as socket:
            await socket.acknowledge(dict(payload))
            await socket.subscribe(WHO)
            return await socket.next()

    async def assert_refused(self, headers: dict[str, str], said: bytes = REFUSED) -> None:
        await self.ask(headers)
        response = self.shared.gql.last
        assert (response.status_code, content_of(response)) == (401, said)
        assert response.headers["www-authenticate"] == "Bearer"
        async with open_socket(self.shared.server.ws) as socket:
            await socket.send({"type": "connection_init", "payload": headers})
            assert await ending(socket) == Ending([], *FORBIDDEN)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def scene(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Scene]:
    clock = Clock()
    async with running_provider() as provider:
        wanted = {"jwt_jwks": f"{provider.url}/keys", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
        async with shared_server(postgres, TEMPLATE, clock, **wanted) as shared:
            yield Scene(shared, templates, provider, clock)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def viewer(name: str = "Mia", workspace: str = "Acme") -> dict[str, Any]:
    return {"data": {"viewer": {"actor": {"name": name}, "workspace": {"name": workspace}}}}


Making: TypeAlias = Callable[[Scene], str]


def signed(algorithm: str) -> Making:
    return lambda s: s.key(algorithm).sign(s.claims())


def forged(algorithm: str) -> Making:
    return lambda s: stranger(algorithm, KEYS[algorithm]).sign(s.claims())


GOOD: Mapping[str, Making] = {
    **{name: signed(name) for name in ALGORITHMS},
    "one of several audiences": lambda s: s.jwt(aud=["https://other.example", AUDIENCE]),
    "no key named, and one of its algorithm": lambda s: s.key("ES256").sign(s.claims(), kid=None),
    "no type named": lambda s: s.key().sign(s.claims(), typ=None),
    "access token by RFC 9068": lambda s: s.key().sign(s.claims(), typ="application/AT+JWT"),
    "expired within the leeway": lambda s: s.jwt(exp=s.clock.in_seconds(-LEEWAY_S + 1)),
    "not yet valid within the leeway": lambda s: s.jwt(nbf=s.clock.in_seconds(LEEWAY_S)),
    "valid since now": lambda s: s.jwt(nbf=s.clock.in_seconds(0)),
    "fractions of seconds": lambda s: s.jwt(exp=s.clock.in_seconds(0.25)),
    "a year ahead": lambda s: s.jwt(exp=s.clock.in_seconds(31_536_000)),
    "further claims": lambda s: s.jwt(email="mia@acme.example", roles=["owner"], iat=s.clock.in_seconds(5)),
}


@pytest.mark.parametrize("case", GOOD)
async def test_jwt_of_the_provider_counts(scene: Scene, case: str) -> None:
    headers = bearer(GOOD[case](scene))
    assert await scene.ask(headers) == viewer()
    assert await scene.ask_by_socket(headers) == viewer()


def unsigned(scene: Scene, signature: str) -> str:
    return compact({"alg": "none", "kid": "first"}, scene.claims(), lambda _text: b"") + signature


def by_public_key(scene: Scene, secret: bytes) -> str:
    """Signed with what everybody knows."""
    return compact({"alg": "HS256", "kid": "first", "typ": "JWT"}, scene.claims(), hs256(secret))


def with_payload(scene: Scene, payload: str) -> str:
    """Signed well, whatever it says."""
    key = scene.key("EdDSA")
    text = f"{segment(json.dumps({'alg': 'EdDSA', 'kid': key.name}))}.{segment(payload)}"
    return f"{text}.{segment(key.private.sign(text.encode()))}"


def tampered(scene: Scene) -> str:
    head, _, signature = scene.jwt().split(".")
    return f"{head}.{segment(json.dumps(scene.claims(sub='sub|owner')))}.{signature}"


def headed(header: object, *, encode: bool = True) -> Making:
    """With a header that is none."""
    text = segment(json.dumps(header)) if encode else str(header)
    return lambda s: ".".join([text, *s.jwt().split(".")[1:]])


def stranger(algorithm: str = "RS256", name: str = "first") -> Key:
    """A key of the same name and kind that the provider does not have."""
    return Key(name, algorithm, key_of("stranger", algorithm).private)


BAD: Mapping[str, Making] = {
    # the algorithm
    "none": lambda s: unsigned(s, ""),
    "none, with a signature": lambda s: unsigned(s, "AAAA"),
    "public key as a secret: PEM": lambda s: by_public_key(s, s.key().pem),
    "public key as a secret: JWK": lambda s: by_public_key(s, json.dumps(s.key().jwk).encode()),
    "public key as a secret: modulus": lambda s: by_public_key(s, s.key().jwk["n"].encode()),
    "algorithm that is not configured": lambda s: Key("first", "RS512", s.key().private).sign(s.claims()),
    "padding that is not configured": lambda s: Key("first", "PS256", s.key().private).sign(s.claims()),
    "algorithm of another key": lambda s: s.key("ES256").sign(s.claims(), kid="first"),
    "algorithm that it is not signed by": lambda s: s.key("ES256").sign(s.claims(), alg="EdDSA"),
    "algorithm in other letters": lambda s: s.key().sign(s.claims(), alg="rs256"),
    "algorithm that is no text": lambda s: s.key().sign(s.claims(), alg=["RS256"]),
    "no algorithm": lambda s: s.key().sign(s.claims(), alg=None),
    # the key and the signature
    **{f"stranger's key, {name}": forged(name) for name in ALGORITHMS},
    "stranger's key in the header": lambda s: stranger(name="mine").sign(
        s.claims(), jwk=stranger(name="mine").jwk, jku=f"{s.provider.url}/keys"
    ),
    "key that is not known": lambda s: s.key().sign(s.claims(), kid="unknown"),
    "key that is no text": lambda s: s.key().sign(s.claims(), kid=1),
    "other content": tampered,
    "cut signature": lambda s: s.jwt()[:-4],
    # the claims
    "another issuer": lambda s: s.jwt(iss=f"{ISSUER}/"),
    "several issuers": lambda s: s.jwt(iss=[ISSUER]),
    "no issuer": lambda s: s.jwt(iss=None),
    "another audience": lambda s: s.jwt(aud=f"{AUDIENCE}/"),
    "several other audiences": lambda s: s.jwt(aud=["https://other.example"]),
    "audience that is no text": lambda s: s.jwt(aud={AUDIENCE: True}),
    "no audience": lambda s: s.jwt(aud=None),
    "expired": lambda s: s.jwt(exp=s.clock.in_seconds(-LEEWAY_S)),
    "no expiry": lambda s: s.jwt(exp=None),
    "expiry as text": lambda s: s.jwt(exp=str(int(s.clock.in_seconds(300)))),
    "expiry that is true": lambda s: s.jwt(exp=True),
    "endless expiry": lambda s: s.jwt(exp=float("inf")),
    "expiry that is no number": lambda s: s.jwt(exp=float("nan")),
    "expiry beyond all dates": lambda s: s.jwt(exp=10**15),
    "not yet valid": lambda s: s.jwt(nbf=s.clock.in_seconds(LEEWAY_S + 0.001)),
    "beginning that is true": lambda s: s.jwt(nbf=True),
    "beginning as text": lambda s: s.jwt(nbf=str(int(s.clock.in_seconds(-10)))),
    "no subject": lambda s: s.jwt(sub=None),
    "empty subject": lambda s: s.jwt(sub=""),
    "subject that is no text": lambda s: s.jwt(sub=7),
    "subject with a NUL": lambda s: s.jwt(sub="sub|member\0"),
    "subject with half a character": lambda s: s.jwt(sub="sub|\ud800"),
    "unknown subject": lambda s: s.jwt(sub="sub|nobody"),
    "subject in other letters": lambda s: s.jwt(sub="Sub|Member"),
    # the form
    "logout notice": lambda s: s.key().sign(s.claims(), typ="logout+jwt"),
    "type that is no text": lambda s: s.key().sign(s.claims(), typ=1),
    "extension that must be understood": lambda s: s.key().sign(s.claims(), crit=["exp"], exp=1),
    "content apart": lambda s: s.key().sign(s.claims(), crit=["b64"], b64=False),
    "too big": lambda s: s.jwt(more="m" * 8192),
    "two parts": lambda s: s.jwt().rpartition(".")[0],
    "four parts": lambda s: f"{s.jwt()}.AAAA",
    "empty part": lambda s: s.jwt().replace(".", "..", 1),
    "padded": lambda s: f"{s.jwt()}==",
    "header that is no base64": headed("AAAAA", encode=False),
    "header that is no JSON": headed(segment("{"), encode=False),
    "header that is no object": headed(["RS256"]),
    "deep header": headed(segment('{"a":' * 1500 + "1" + "}" * 1500), encode=False),
    "content that is no JSON": lambda s: with_payload(s, "member"),
    "content that is no object": lambda s: with_payload(s, '["sub"]'),
    "deep content": lambda s: with_payload(s, "[" * 4000),
    "content with endless digits": lambda s: with_payload(s, f'{{"exp":{"9" * 5000}}}'),
}


@pytest.mark.parametrize("case", BAD)
async def test_jwt_that_does_not_count_is_refused_like_any_other_credential(
    scene: Scene, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = BAD[case](scene)
    requests = len(scene.provider.requests)
    await scene.assert_refused(bearer(text))
    assert [part for part in text.split(".") if len(part) > 8 and part in caplog.text] == []
    # The keys were read not long ago, and what is not among them is not asked for again.
    assert len(scene.provider.requests) <= max(requests, 1)


async def test_jwt_is_never_an_agents_token(scene: Scene) -> None:
    await scene.assert_refused({"X-Agent-Token": scene.jwt()})


async def test_jwt_counts_as_a_bearer_only(scene: Scene) -> None:
    for scheme in ("Basic", "JWT", ""):
        await scene.assert_refused({"Authorization": f"{scheme} {scene.jwt()}".strip()})


async def test_jwt_beside_another_credential_is_refused(scene: Scene) -> None:
    await scene.assert_refused(bearer(scene.jwt()) | {"X-Agent-Token": scene.world.token("bot")}, TWO)


async def test_credential_that_comes_twice_is_refused(scene: Scene) -> None:
    http, text = scene.shared.gql._http, scene.jwt()
    twice = [("authorization", f"Bearer {text}"), ("authorization", f"Bearer {scene.world.token('member')}")]
    response = await http.post(scene.shared.server.http, json={"query": WHO}, headers=twice)
    assert (response.status_code, content_of(response)) == (401, TWO)
    async with open_socket(scene.shared.server.ws) as socket:
        payload = {"Authorization": f"Bearer {text}", "authorization": f"Bearer {text}"}
        await socket.send({"type": "connection_init", "payload": payload})
        assert await ending(socket) == Ending([], *FORBIDDEN)


async def test_jwt_in_the_address_is_not_read(scene: Scene) -> None:
    http, text = scene.shared.gql._http, scene.jwt()
    for name in ("access_token", "token", "jwt", "Authorization"):
        response = await http.post(scene.shared.server.http, json={"query": WHO}, params={name: text})
        assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["UNAUTHENTICATED"]
        async with open_socket(f"{scene.shared.server.ws}?{name}={text}") as socket:
            await socket.send({"type": "connection_init"})
            assert await ending(socket) == Ending([], *FORBIDDEN)


async def test_tokens_count_beside_jwts(scene: Scene) -> None:
    assert await scene.ask(bearer(scene.world.token("member"))) == viewer()
    assert await scene.ask({"X-Agent-Token": scene.world.token("bot")}) == viewer("Bot")


@pytest.mark.parametrize(
    ("picked", "home"), [(None, "Acme"), ("acme", "Acme"), ("globex", "Globex")], ids=["oldest", "older", "younger"]
)
async def test_subject_known_in_two_workspaces_speaks_in_the_one_that_it_picks(
    scene: Scene, picked: str | None, home: str
) -> None:
    headers = bearer(scene.jwt(sub="sub|double"))
    if picked is not None:
        headers["X-Workspace"] = getattr(scene.world, picked)
    assert await scene.ask(headers) == viewer("Dora", home)
    assert await scene.ask_by_socket(headers) == viewer("Dora", home)
    listed = await scene.ask(headers, "{ viewer { workspaces { name } } }")
    assert listed == {"data": {"viewer": {"workspaces": [{"name": "Acme"}, {"name": "Globex"}]}}}


@pytest.mark.parametrize("workspace", ["globex", "an unknown one", "no id"])
async def test_workspace_without_a_membership_is_refused_like_any_bad_credential(scene: Scene, workspace: str) -> None:
    asked = {"globex": scene.world.globex, "an unknown one": "6f0f9b57-3d4b-4d62-9d0c-0e3a4b5c6d7e"}
    await scene.assert_refused(bearer(scene.jwt()) | {"X-Workspace": asked.get(workspace, "Acme")})


async def test_what_a_jwt_claims_beyond_its_subject_gives_no_rights(scene: Scene) -> None:
    answer = await scene.ask(bearer(scene.jwt(role="OWNER", scope="admin", roles=["OWNER"])), "{ viewer { role } }")
    assert answer == {"data": {"viewer": {"role": "MEMBER"}}}
