"""One credential a request, and only where credentials belong: two are refused however they come, and the address holds none."""

from collections.abc import Sequence
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.access.closing import FORBIDDEN, Ending, ending
from tests.access.conftest import Asking
from tests.access.test_credentials import REFUSED, TWO, WHO
from tests.support.clients import SUBPROTOCOL, Socket, content_of, open_socket

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAM = "subscription { activityLogged { message } }"
Pairs = Sequence[tuple[str, str]]
AUTHORIZATION, AGENT = ("Authorization", "Bearer {bot}"), ("X-Agent-Token", "{bot}")
# Headers, which are read in any case. The last stand for what a proxy makes of two.
TWO_HEADERS: dict[str, tuple[Pairs, bytes]] = {
    "both kinds": ([AUTHORIZATION, AGENT], TWO),
    "both kinds, the other way round": ([AGENT, AUTHORIZATION], TWO),
    "the same twice": ([AUTHORIZATION, AUTHORIZATION], TWO),
    "different ones": ([AUTHORIZATION, ("authorization", "Bearer {member}")], TWO),
    "agent's twice": ([AGENT, AGENT], TWO),
    "good and bad": ([AUTHORIZATION, ("Authorization", "Basic eA==")], TWO),
    "joined": ([("Authorization", "Bearer {bot}, Bearer {bot}")], REFUSED),
    "agent's joined": ([("X-Agent-Token", "{bot}, {bot}")], REFUSED),
}


def filled(tell: Asking, pairs: Pairs) -> list[tuple[str, str]]:
    return [(name, text.format_map(tell.world.tokens)) for name, text in pairs]


@pytest.mark.parametrize("media", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("case", TWO_HEADERS)
async def test_two_credentials_in_headers_are_refused(tell: Asking, case: str, media: str) -> None:
    pairs, said = TWO_HEADERS[case]
    document = WHO if media == "application/json" else STREAM
    response = await tell.shared.gql._http.post(
        tell.shared.server.http, json={"query": document}, headers=[*filled(tell, pairs), ("accept", media)]
    )
    assert (response.status_code, content_of(response)) == (401, said)


@pytest.mark.parametrize(
    "names",
    [
        ("Authorization", "authorization"),
        ("Authorization", "X-Agent-Token"),
        ("authorization", "agentToken"),
        ("X-Agent-Token", "x-agent-token"),
        ("xAgentToken", "x_agent_token"),
        ("x-agent-token", "AGENTTOKEN"),
    ],
)
async def test_two_credentials_in_connection_init_are_refused(tell: Asking, names: tuple[str, str]) -> None:
    token = tell.world.token("bot")
    payload = {name: f"Bearer {token}" if name.lower() == "authorization" else token for name in names}
    async with open_socket(tell.shared.server.ws) as socket:
        await socket.send({"type": "connection_init", "payload": payload})
        assert await ending(socket) == Ending([], *FORBIDDEN)


async def test_two_workspaces_are_refused(tell: Asking) -> None:
    headers = filled(tell, [("Authorization", "Bearer {double}")])
    headers += [("X-Workspace", tell.world.acme), ("X-Workspace", tell.world.globex)]
    response = await tell.shared.gql._http.post(tell.shared.server.http, json={"query": WHO}, headers=headers)
    assert (response.status_code, response.json()["errors"][0]["message"]) == (
        401,
        "Name one workspace: X-Workspace was sent twice.",
    )


@pytest.mark.parametrize("name", ["token", "access_token", "Authorization", "x-agent-token", "agentToken"])
async def test_token_in_the_address_is_not_read(tell: Asking, name: str) -> None:
    token = tell.world.token("bot")
    value = f"Bearer {token}" if name == "Authorization" else token
    for document, media in ((WHO, "application/json"), (STREAM, "text/event-stream")):
        response = await tell.shared.gql._http.post(
            tell.shared.server.http, json={"query": document}, params={name: value}, headers={"accept": media}
        )
        assert "UNAUTHENTICATED" in response.text
        assert token.split("_")[2] not in response.text
    assert await over_socket(tell, f"?{name}={token}") == Ending([], *FORBIDDEN)


async def test_headers_of_a_handshake_are_no_credential(tell: Asking) -> None:
    """Browsers cannot send them, and whoever can puts them into the payload like everybody."""
    for pair in filled(tell, [AUTHORIZATION, AGENT]):
        assert await over_socket(tell, headers=[pair]) == Ending([], *FORBIDDEN)


async def over_socket(tell: Asking, query: str = "", headers: Pairs = ()) -> Ending:
    """How a socket ends whose `connection_init` holds nothing."""
    protocols: Any = [SUBPROTOCOL]
    url = tell.shared.server.ws + query
    async with connect(url, subprotocols=protocols, additional_headers=list(headers)) as connection:
        socket = Socket(connection)
        await socket.send({"type": "connection_init"})
        return await ending(socket)
