"""Which credentials count, by HTTP and by socket: all that do not are refused alike, and leave nothing behind."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from tests.access.closing import FORBIDDEN, Ending, ending
from tests.access.conftest import Asking
from tests.access.effects import Bell, contents
from tests.access.rules import ABSENT
from tests.support.clients import content_of, open_socket
from trailcast.access.tokens import Token, make_token, parse_token
from trailcast.ledger.admin import create_token, revoke_token
from trailcast.records import ActorKind

pytestmark = pytest.mark.asyncio(loop_scope="session")

Headers: TypeAlias = dict[str, str]
WHO = "{ viewer { actor { name } workspace { name } } }"
WRITE = 'mutation { logActivity(input: { eventType: "custom.noted" }) { replayed } }'
SYNC = "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { upserted errors { code } } }"
REFUSED = b'{"errors":[{"message":"A valid credential is needed: send Authorization: Bearer <token> or X-Agent-Token.",'
REFUSED += b'"extensions":{"code":"UNAUTHENTICATED"}}]}'
TWO = b'{"errors":[{"message":"Send one credential: Authorization or X-Agent-Token, not both.",'
TWO += b'"extensions":{"code":"UNAUTHENTICATED"}}]}'


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def changed(token: str, **fields: Any) -> str:
    """The token with other fields, and a checksum that fits."""
    return str(replace(parsed(token), **fields))


def parsed(token: str) -> Token:
    found = parse_token(token)
    assert found is not None
    return found


async def new_token(tell: Asking, kind: ActorKind, subject: str, expires_at: datetime | None = None) -> str:
    async with tell.shared.server.database.operating() as connection:
        return await create_token(
            connection, kind, UUID(tell.world.acme), UUID(tell.id(subject)), name="new", expires_at=expires_at
        )


async def of_lost_subject(tell: Asking, kind: ActorKind, come: dict[str, Any], gone: dict[str, Any]) -> Headers:
    """A token of somebody whom the directory got to know and lost again, used in between."""
    token = await new_token(tell, kind, come["id"])
    table = "agents" if kind is ActorKind.AGENT else "users"
    membership = {"userId": tell.id(come["id"]), "role": "OWNER"}
    first: dict[str, Any] = {table: [come | {"id": tell.id(come["id"])}]}
    if kind is ActorKind.USER:
        first["memberships"] = [membership]
    last = {"memberships": [membership | gone]} if come["id"] == "removed" else {table: [first[table][0] | gone]}
    for given in (first, last):
        answer = await tell.data("service", SYNC, {"input": given})
        assert answer["syncDirectory"] == {"upserted": len(given), "errors": []}
        if given is first:
            await tell.shared.gql.data(WHO, token=token)
    return bearer(token)


async def revoked(tell: Asking) -> Headers:
    token = await new_token(tell, ActorKind.USER, "member")
    async with tell.shared.server.database.operating() as connection:
        await revoke_token(connection, parsed(token).public_id)
    return bearer(token)


async def expired(tell: Asking) -> Headers:
    return bearer(await new_token(tell, ActorKind.USER, "member", datetime.now(UTC) - timedelta(seconds=1)))


BAD: Mapping[str, Callable[[Asking], Headers | Awaitable[Headers]]] = {
    "wrong secret": lambda tell: bearer(changed(tell.world.token("member"), secret=make_token(ActorKind.USER).secret)),
    "unknown": lambda _tell: bearer(str(make_token(ActorKind.USER))),
    "another kind": lambda tell: bearer(changed(tell.world.token("member"), kind=ActorKind.SERVICE)),
    "mistyped": lambda tell: bearer(
        tell.world.token("member")[:-1] + ("1" if tell.world.token("member")[-1] == "0" else "0")
    ),
    "cut short": lambda tell: bearer(tell.world.token("member")[:-1]),
    "empty": lambda _tell: {"Authorization": "Bearer"},
    "no token at all": lambda _tell: bearer("member"),
    "expired": expired,
    "revoked": revoked,
    "of a deleted agent": lambda tell: of_lost_subject(
        tell, ActorKind.AGENT, {"id": "lost agent", "name": "Lost"}, {"isDeleted": True}
    ),
    "of a deleted user": lambda tell: of_lost_subject(tell, ActorKind.USER, {"id": "lost user"}, {"isDeleted": True}),
    "of a removed member": lambda tell: of_lost_subject(tell, ActorKind.USER, {"id": "removed"}, {"isDeleted": True}),
    "basic": lambda tell: {"Authorization": f"Basic {tell.world.token('member')}"},
    "without a scheme": lambda tell: {"Authorization": tell.world.token("member")},
    "another scheme": lambda tell: {"Authorization": f"Token {tell.world.token('member')}"},
    "a user's token as an agent's": lambda tell: {"X-Agent-Token": tell.world.token("member")},
    "a service's token as an agent's": lambda tell: {"X-Agent-Token": tell.world.token("service")},
    "foreign workspace": lambda tell: bearer(tell.world.token("member")) | {"X-Workspace": tell.world.globex},
    "unknown workspace": lambda tell: bearer(tell.world.token("member")) | {"X-Workspace": ABSENT},
    "malformed workspace": lambda tell: bearer(tell.world.token("member")) | {"X-Workspace": "Acme"},
    "foreign workspace of an agent": lambda tell: bearer(tell.world.token("bot")) | {"X-Workspace": tell.world.globex},
    "foreign workspace of a service": lambda tell: (
        bearer(tell.world.token("service")) | {"X-Workspace": tell.world.globex}
    ),
    "two at once": lambda tell: bearer(tell.world.token("bot")) | {"X-Agent-Token": tell.world.token("bot")},
}


# Those of a token that is known leave one event in the log of its workspace, and nothing else.
LOGGED = frozenset({"wrong secret", "expired", "revoked", "of a deleted agent"})


@pytest.mark.parametrize("case", BAD)
async def test_credential_that_does_not_count_is_refused_like_any_other(tell: Asking, bell: Bell, case: str) -> None:
    made = BAD[case](tell)
    headers = made if isinstance(made, dict) else await made
    await bell.forget(tell.shared.server)
    before = await contents(tell.shared.sql)
    for document in (WHO, WRITE, "{ __typename }"):
        await tell.shared.gql(document, headers=headers)
        response = tell.shared.gql.last
        assert (response.status_code, content_of(response)) == (401, TWO if case == "two at once" else REFUSED)
        assert response.headers["www-authenticate"] == "Bearer"
    async with open_socket(tell.shared.server.ws) as socket:
        await socket.send({"type": "connection_init", "payload": headers})
        assert await ending(socket) == Ending([], *FORBIDDEN)
    rung, after = await bell.rung(at_least=case in LOGGED), await contents(tell.shared.sql)
    assert (int(after.pop("events")) - int(before.pop("events")), len(rung)) == ((1, 1) if case in LOGGED else (0, 0))
    if case in LOGGED:
        assert after.pop("heads") != before.pop("heads")
    assert after == before


# Spellings that count, in headers (HTTP ignores case) and in the payload of `connection_init`.
HEADERS: Mapping[str, tuple[str, str]] = {
    "Authorization": ("member", "Bearer {}"),
    "authorization": ("bot", "bearer {}"),
    "AUTHORIZATION": ("service", "BEARER {}"),
    "X-Agent-Token": ("bot", "{}"),
    "x-agent-token": ("builder", "{}"),
}
PAYLOADS: Mapping[str, tuple[str, str]] = {
    **HEADERS,
    "xAgentToken": ("bot", "{}"),
    "x_agent_token": ("bot", "{}"),
    "agentToken": ("builder", "{}"),
}
NAMES = {"member": "Mia", "bot": "Bot", "builder": "Builder", "service": "service"}


@pytest.mark.parametrize("name", HEADERS)
async def test_header_is_understood(tell: Asking, name: str) -> None:
    who, form = HEADERS[name]
    answer = await tell.shared.gql(WHO, headers={name: form.format(tell.world.token(who))})
    assert answer == {"data": {"viewer": {"actor": {"name": NAMES[who]}, "workspace": {"name": "Acme"}}}}


@pytest.mark.parametrize("name", PAYLOADS)
async def test_spelling_in_connection_init_is_understood(tell: Asking, name: str) -> None:
    who, form = PAYLOADS[name]
    assert await over_socket(tell, {name: form.format(tell.world.token(who))}) == {
        "data": {"viewer": {"actor": {"name": NAMES[who]}, "workspace": {"name": "Acme"}}}
    }


@pytest.mark.parametrize("name", ["workspace", "X-Workspace", "x-workspace", "xWorkspace", "x_workspace"])
@pytest.mark.parametrize("home", ["Acme", "Globex"])
async def test_socket_picks_the_workspace_of_one_who_has_several(tell: Asking, name: str, home: str) -> None:
    payload = bearer(tell.world.token("double")) | {name: tell.id(home.lower())}
    assert await over_socket(tell, payload) == {
        "data": {"viewer": {"actor": {"name": "Dora"}, "workspace": {"name": home}}}
    }


async def test_header_picks_the_workspace_and_the_oldest_membership_counts_without_it(tell: Asking) -> None:
    for headers, home in (
        ({}, "Acme"),
        ({"X-Workspace": tell.world.acme}, "Acme"),
        ({"x-workspace": tell.world.globex}, "Globex"),
    ):
        answer = await tell.shared.gql(WHO, token=tell.world.token("double"), headers=headers)
        assert answer == {"data": {"viewer": {"actor": {"name": "Dora"}, "workspace": {"name": home}}}}


async def over_socket(tell: Asking, payload: dict[str, str]) -> dict[str, Any]:
    async with open_socket(tell.shared.server.ws) as socket:
        await socket.acknowledge(payload)
        await socket.subscribe(WHO)
        return await socket.next()


async def test_credential_that_has_not_expired_yet_counts(tell: Asking) -> None:
    token = await new_token(tell, ActorKind.USER, "member", datetime.now(UTC) + timedelta(hours=1))
    assert (await tell.shared.gql.data(WHO, token=token))["viewer"]["actor"] == {"name": "Mia"}


async def test_token_reaches_no_answer_and_no_table(tell: Asking) -> None:
    """Stored is a hash; what a request sends comes back in no error."""
    token = tell.world.token("member")
    for headers in (bearer(token[:-1]), {"Authorization": f"Basic {token}"}, {"X-Agent-Token": token}):
        await tell.shared.gql(WHO, headers=headers)
        assert token[4:30].encode() not in tell.shared.gql.last.content
    stored = await tell.shared.sql.fetchval("SELECT string_agg(c::text, ' ') FROM credentials AS c")
    assert parsed(token).secret not in stored
    assert parsed(token).secret_sha256.hex() in stored
