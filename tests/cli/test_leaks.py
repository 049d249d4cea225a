"""No byte of a credential in what a server writes or answers: a real one, at its most talkative, and every way to come by one."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.access.provider import AUDIENCE, ISSUER, compact, hs256
from tests.access.test_credentials import changed, parsed
from tests.cli.conftest import Launch
from tests.support.clients import SUBPROTOCOL
from tests.support.world import World
from trailcast.access.tokens import make_token
from trailcast.ledger.database import driver_url
from trailcast.records import ActorKind

SECRET = "a-secret-of-thirty-two-bytes-or-so"
WHO = {"query": "{ viewer { actor { name } } }"}
STREAM = {"query": "subscription { activityLogged { message } }"}
DEADLINE_S = 10
SEGMENT_LENGTH_MIN = 9


def jwt(subject: str, left_s: float, secret: str = SECRET, **header: str) -> str:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": round(time.time() + left_s)}
    return compact({"alg": "HS256", **header}, claims, hs256(secret.encode()))


def credentials(world: World) -> dict[str, str]:
    """Good ones and bad ones of each kind."""
    good = {caller: world.token(caller) for caller in ("member", "bot", "service")}
    wrong = {
        f"{caller}, wrong": changed(token, secret=make_token(ActorKind.USER).secret) for caller, token in good.items()
    }
    return {
        **good,
        **wrong,
        "unknown": str(make_token(ActorKind.USER)),
        "mistyped": world.token("owner")[:-1] + "-",
        "revoked": world.token("stranger"),
        "JWT": jwt("sub|member", 300),
        "JWT, expired": jwt("sub|owner", -300),
        "JWT, forged": jwt("sub|admin", 301, "another-secret-of-thirty-two-bytes"),
        "JWT, of a stranger": jwt("sub|who is this", 302),
        "JWT, of another type": jwt("sub|member", 303, typ="logout+jwt"),
        "JWT, of another key": jwt("sub|member", 304, kid="which"),
    }


def needles(presented: dict[str, str]) -> Iterator[str]:
    """What must stand nowhere: of a token its secret, of a JWT each part; and the secret that JWTs are signed with."""
    yield SECRET
    for text in presented.values():
        yield text
        if "." in text:
            yield from (part for part in text.split(".") if len(part) >= SEGMENT_LENGTH_MIN)
        else:
            yield text.split("_")[2][:43]


def headers_with(text: str) -> Iterator[dict[str, str]]:
    """As a server may be sent them, right and wrong."""
    for scheme in ("Bearer", "Basic", "Token", ""):
        yield {"Authorization": f"{scheme} {text}".strip()}
    yield {"X-Agent-Token": text}
    yield {"Authorization": f"Bearer {text}", "X-Agent-Token": text}
    yield {"Authorization": f"Bearer {text}, Bearer {text}"}
    yield {"Authorization": f"Bearer {text}", "X-Workspace": text}
    yield {"Cookie": f"token={text}", "Referer": f"http://pages.example/?token={text}", "X-Request-Id": text}


async def over_http(http: httpx.AsyncClient, url: str, text: str) -> Iterator[str]:
    """All that is answered to one credential."""
    asked: list[Any] = [http.post(url, json=WHO, headers=headers) for headers in headers_with(text)]
    for name in ("token", "access_token", "Authorization"):
        asked += [http.post(url, json=WHO, params={name: text}), http.get(url, params={name: text, **WHO})]
    asked += [
        http.get(url, params={"token": text}, headers={"accept": "text/html"}),
        http.delete(f"{url}?token={text}"),
        http.get(f"{url}/{text}"),
        http.post(url, content=b"{", headers={"Authorization": f"Bearer {text}", "content-type": "application/json"}),
        http.post(url, content=b"a", headers={"Authorization": f"Bearer {text}", "content-type": text}),
        http.post(url, json=STREAM, params={"token": text}, headers={"accept": "text/event-stream"}),
    ]
    responses = await asyncio.gather(*asked)
    return iter([f"{response.headers} {response.text}" for response in responses])


async def by_event_stream(http: httpx.AsyncClient, url: str, text: str) -> str:
    """What an event stream says first."""
    headers = {"Authorization": f"Bearer {text}", "accept": "text/event-stream"}
    async with http.stream("POST", url, json=STREAM, headers=headers) as response:
        async for line in response.aiter_lines():
            return f"{response.headers} {line}"
    return str(response.headers)


async def over_socket(url: str, text: str) -> list[str]:
    """All that is said to one credential, well put and badly put."""
    whole = json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {text}"}})
    first: list[str | bytes] = [
        whole,
        json.dumps({"type": "connection_init", "payload": {"Authorization": text, "x-agent-token": text}}),
        json.dumps({"type": "connection_init", "payload": {"agentToken": text}}),
        json.dumps({"type": "connection_init", "payload": f"Bearer {text}"}),
        json.dumps({"type": "connection_init", "payload": {"Authorization": [text]}}),
        whole[:-1],
        whole.encode(),
    ]
    heard = [await _said_to(url, message) for message in first]
    return [
        *heard,
        await _said_to(f"{url}?token={text}", '{"type":"connection_init"}', {"Authorization": f"Bearer {text}"}),
    ]


async def _said_to(url: str, message: str | bytes, headers: dict[str, str] | None = None) -> str:
    protocols: Any = [SUBPROTOCOL]
    heard = ""
    async with connect(url, subprotocols=protocols, additional_headers=headers) as connection:
        try:
            for _ in range(2):  # the second is one introduction too many
                await connection.send(message)
                heard += str(await connection.recv())
        except ConnectionClosed as end:
            heard += str(end)
    return heard


async def raw(url: str, text: str) -> str:
    """What is answered to requests that are none."""
    where = urlsplit(url)
    answers = []
    for request in (
        f"POST /graphql?token={text} HTTP/9.9\r\nHost: a\r\n\r\n",
        f"POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization Bearer {text}\r\n\r\n",
        f"POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {text}\r\nContent-Length: {text}\r\n\r\n",
        f"POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {text}{' ' * 100_000}\r\n\r\n",
        f"{text}\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(request.encode())
        try:
            async with asyncio.timeout(DEADLINE_S):
                answers.append((await reader.read(65_536)).decode(errors="replace"))
        except ConnectionError:
            pass
        writer.close()
    return "".join(answers)


async def everything(url: str, presented: dict[str, str]) -> list[str]:
    """All that is answered to all of them."""
    answers: list[str] = []
    ws = url.replace("http:", "ws:")
    async with httpx.AsyncClient(timeout=30) as http:
        for text in presented.values():
            answers += await over_http(http, url, text)
            answers.append(await by_event_stream(http, url, text))
            answers += await over_socket(ws, text)
            answers.append(await raw(url, text))
    return answers


async def test_no_byte_of_a_credential_is_written_or_answered(launch: Launch, database_url: str, world: World) -> None:
    sql = await asyncpg.connect(driver_url(database_url))
    await sql.execute(
        "UPDATE credentials SET revoked_at = now() WHERE id = $1", parsed(world.token("stranger")).public_id
    )
    command = launch(
        "serve",
        TRAILCAST_DATABASE_URL=database_url,
        TRAILCAST_LOG_LEVEL="debug",
        TRAILCAST_JWT_SECRET=SECRET,
        TRAILCAST_JWT_ISSUER=ISSUER,
        TRAILCAST_JWT_AUDIENCE=AUDIENCE,
        TRAILCAST_JWT_CREATE_USERS_IN=str(UUID(int=1)),
        TRAILCAST_SIGN_IN_FAILURES_MAX="100",
        TRAILCAST_STORE_CLIENT_ADDRESS="true",
    )
    url = command.line("Serving ")
    await asyncio.to_thread(command.wait_for, "Application startup complete")
    presented = credentials(world)
    answers = await everything(url, presented)
    # And where looking them up fails in a way that nobody thought of.
    await sql.execute("REVOKE SELECT ON credentials, memberships FROM trailcast_access")
    answers += await everything(url, {name: presented[name] for name in ("member", "bot, wrong", "JWT")})
    await sql.close()
    command.signal(signal.SIGINT)
    assert command.exit_code() == 0
    written = command.output + command.messages
    found = {
        place[max(0, place.index(needle) - 100) :][:200]
        for needle in needles(presented)
        for place in (written, *answers)
        if needle in place
    }
    assert found == set()
    # It was the whole story: all kinds of answers, and all kinds of lines.
    for word in (
        "Mia",
        "connection_ack",
        "UNAUTHENTICATED",
        "RATE_LIMITED",
        "INTERNAL",
        "4403",
        "4400",
        "1013",
        "400",
        "405",
    ):
        assert any(word in answer for answer in answers), word
    for line in ("fail too often", "a JWT was right", "could not be noted", "an unexpected error was masked"):
        assert line in written, line
