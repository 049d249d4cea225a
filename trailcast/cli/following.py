"""A subscription followed over as many connections as it takes: graphql-transport-ws from the client's side.

Alone responsible for when to come back and when not to. Whatever breaks off (a socket, a server, a network) is gone on with
after the last item that the consumer dealt with, so that it gets each item once, in order. What coming back cannot mend
ends in one sentence, `GaveUp`. Shows nothing and knows no event: what is asked for and how it looks is `tail`'s.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from trailcast.errors import BadCursor, CursorExpired, LimitExceeded, RateLimited, Unauthenticated, Unavailable

SUBPROTOCOL = Subprotocol("graphql-transport-ws")
ACKNOWLEDGE_S = 10.0
CLOSE_S = 1.0
PAUSE_S = 0.5  # at most, before the second attempt; doubled with each that gets no further
PAUSE_MAX_S = 30.0
MESSAGE_BYTES_MAX = 4 * 1024**2  # far above an event in its longest spelling: one over it would be met again and again
SERVER_ERROR = 500
# With these the server, or whatever stands between, says that the same client may come back.
CLOSED_FOR_NOW = frozenset({1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 4408, 4410, 4500})
UNAVAILABLE_FOR_NOW = frozenset({Unavailable.code, LimitExceeded.code, RateLimited.code})
CREDENTIAL_REFUSED = 4403
SUBPROTOCOL_REFUSED = 4406
BAD_CREDENTIAL = (
    "The server does not accept the token, or not for this workspace: give one that counts in TRAILCAST_TOKEN or --token-file, "
    "and look at --workspace."
)
NO_TRAILCAST = (
    f"Whatever answers there does not speak {SUBPROTOCOL}: --url has to lead to /graphql of a Trailcast server."
)
# Everything the caller may see, newest first: where "from now on" begins, in a form that survives a lost connection.
END = "{ activityEvents(first: 1) { pageInfo { startCursor } } }"
BEGINNING = "1970-01-01T00:00:00Z"

Item = Mapping[str, Any]
Say = Callable[[str], None]


class GaveUp(Exception):
    """Coming back is no use; the sentence says what would be."""


class _Lost(Exception):
    """The feed ended in a way that can be gone on from."""


@dataclass(frozen=True)
class Feed:
    """What is followed: where, as whom (the payload of `connection_init`), and what. The document takes $after and $since."""

    url: str
    credentials: Mapping[str, str]
    document: str
    variables: Mapping[str, object]


@dataclass
class Position:
    """Where a reader is in the log: after a cursor, or before its first item at a time; neither is the end of the log."""

    after: str | None = None
    since: str | None = None

    def move(self, cursor: str) -> None:
        self.after, self.since = cursor, None

    @property
    def is_end(self) -> bool:
        return self.after is None and self.since is None


async def follow(feed: Feed, position: Position, say: Say) -> AsyncGenerator[Item]:
    """The items of a feed, each once, for as long as they are wanted. Raises GaveUp.

    `position` moves when the next item is asked for: wherever the consumer stops, it is where going on repeats and skips nothing.
    """
    clock = asyncio.get_running_loop().time
    pause_s, was_let_in, said = PAUSE_S, False, ""
    while True:
        begun = clock()
        try:
            async with _connect(feed.url) as socket:
                await _introduce(socket, feed.credentials)
                if position.is_end:
                    await _find_end(socket, position)
                say("Going on." if was_let_in else "Following; Ctrl-C ends it.")
                was_let_in, said = True, ""
                async with aclosing(_run(socket, feed.document, {**feed.variables, **vars(position)})) as answers:
                    async for data in answers:
                        [item] = data.values()
                        pause_s = PAUSE_S
                        yield item
                        position.move(item["cursor"])
                reason = "the server ended the stream"
        except _Lost as lost:
            reason = str(lost)
        except ConnectionClosed as closed:
            reason = _judge_closing(closed)
        except (OSError, InvalidHandshake) as error:
            reason = _judge_failure(error, was_let_in=was_let_in)
        if reason != said:
            say(f"Interrupted ({reason}): trying again.")
            said = reason
        if clock() - begun > PAUSE_MAX_S:
            pause_s = PAUSE_S
        # Spread out, because those who were cut off together would come back together.
        await asyncio.sleep(pause_s * random.uniform(0.1, 1))  # noqa: S311 - no secret
        pause_s = min(PAUSE_MAX_S, 2 * pause_s)


def _connect(url: str) -> connect:
    return connect(
        url, subprotocols=[SUBPROTOCOL], compression=None, max_size=MESSAGE_BYTES_MAX, close_timeout=CLOSE_S
    )  # fmt: skip


async def _introduce(socket: ClientConnection, credentials: Mapping[str, str]) -> None:
    if socket.subprotocol != SUBPROTOCOL:
        raise GaveUp(NO_TRAILCAST)
    await _send(socket, type="connection_init", payload=credentials)
    async with asyncio.timeout(ACKNOWLEDGE_S):
        while (await _receive(socket))["type"] != "connection_ack":
            pass


async def _find_end(socket: ClientConnection, position: Position) -> None:
    """Turn "from now on" into a place: after a cut it would mean a later now, and what was logged between would be lost."""
    [data] = [data async for data in _run(socket, END, {})]
    newest = data["activityEvents"]["pageInfo"]["startCursor"]
    if newest is None:
        position.since = BEGINNING
    else:
        position.move(newest)


async def _run(socket: ClientConnection, document: str, variables: Mapping[str, object]) -> AsyncGenerator[Item]:
    """The data of the answers to one operation. Raises _Lost or GaveUp for what is said instead."""
    await _send(socket, id="1", type="subscribe", payload={"query": document, "variables": variables})
    while True:
        message = await _receive(socket)
        if message["type"] == "complete":
            return
        payload = message["payload"]
        if message["type"] == "error":
            raise _judge_errors(payload)
        if payload["data"] is None:
            raise _judge_errors(payload["errors"])
        yield payload["data"]


def _judge_errors(errors: list[Item]) -> Exception:
    code, message = errors[0].get("extensions", {}).get("code"), errors[0]["message"]
    if code in UNAVAILABLE_FOR_NOW:
        return _Lost(f"{code}: {message}")
    if code == Unauthenticated.code:
        return GaveUp(BAD_CREDENTIAL)
    if code in {BadCursor.code, CursorExpired.code}:
        return GaveUp(f"{message} ({code}, --after)")
    return GaveUp(f"The server refuses this: {message} ({code})")


def _judge_closing(closed: ConnectionClosed) -> str:
    """Why a socket was closed, if that is for now only."""
    # None: the connection broke, or this side closed it because the other answered no ping.
    code, why = (1006, "the connection broke") if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)
    if code in CLOSED_FOR_NOW:
        return f"{code} {why}".rstrip()
    if code == CREDENTIAL_REFUSED:
        raise GaveUp(BAD_CREDENTIAL) from closed
    if code == SUBPROTOCOL_REFUSED:
        raise GaveUp(NO_TRAILCAST) from closed
    raise GaveUp(
        f"The server closed the socket for good ({code} {why}): it may be of another version than this `tail`."
    ) from closed


def _judge_failure(error: Exception, *, was_let_in: bool) -> str:
    """Why there is no connection, if it makes sense to try again: a server that was never reached may be the wrong address."""
    reason = str(error) or "no answer in time"
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status >= SERVER_ERROR:
            return f"HTTP {status}"
        raise GaveUp(f"The server refuses sockets there (HTTP {status}): --url has to lead to its /graphql.") from error
    if not was_let_in:
        raise GaveUp(f"The server cannot be reached ({reason}): start it, or give its address in --url.") from error
    return reason


async def _send(socket: ClientConnection, **message: object) -> None:
    await socket.send(json.dumps(message))


async def _receive(socket: ClientConnection) -> dict[str, Any]:
    """The next message that is not a ping."""
    while True:
        message: dict[str, Any] = json.loads(await socket.recv())
        if message["type"] != "ping":
            return message
        await _send(socket, type="pong")
