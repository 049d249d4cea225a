"""When a follower comes back and when it gives up: a scripted peer on a real socket ends connections in every way there is."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from trailcast.cli import following
from trailcast.cli.following import BAD_CREDENTIAL, BEGINNING, NO_TRAILCAST, SUBPROTOCOL, Feed, GaveUp, Item, Position

DEADLINE_S = 30
STARTED = "Following; Ctrl-C ends it."
# The steps of a script, besides messages to send and codes to close with.
LET_IN, LISTEN, BREAK = "let in", "listen", "break"
Step = dict[str, Any] | int | str


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE_S", 0.01)
    monkeypatch.setattr(following, "PAUSE_MAX_S", 0.04)


def item(cursor: str) -> Step:
    return {"type": "next", "payload": {"data": {"activityLogged": {"cursor": cursor}}}}


def ended(code: str) -> Step:
    return {"type": "next", "payload": {"data": None, "errors": [{"message": "No.", "extensions": {"code": code}}]}}


def refused(code: str) -> Step:
    return {"type": "error", "payload": [{"message": "No.", "extensions": {"code": code}}]}


class Peer:
    """Takes the steps of a script on each connection in turn. `asked` is what it was asked with, `said` what its follower says."""

    def __init__(self, *scripts: list[Step], speaks: bool = True) -> None:
        self._scripts = list(scripts)
        self._subprotocols = [SUBPROTOCOL] if speaks else None
        self.asked: list[Any] = []
        self.said: list[str] = []

    @asynccontextmanager
    async def followed(self, position: Position) -> AsyncGenerator[AsyncGenerator[Item]]:
        async with serve(self._speak, "127.0.0.1", 0, subprotocols=self._subprotocols) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/graphql"
            feed = Feed(url, {"Authorization": "me"}, "subscription", {"boardId": "b"})
            async with (
                asyncio.timeout(DEADLINE_S),
                aclosing(following.follow(feed, position, self.said.append)) as items,
            ):
                yield items

    async def _speak(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await self._take_steps(connection)

    async def _take_steps(self, connection: ServerConnection) -> None:
        assert json.loads(await connection.recv()) == {"type": "connection_init", "payload": {"Authorization": "me"}}
        for step in self._scripts.pop(0):
            if step == LET_IN:
                await connection.send('{"type": "ping"}')
                await connection.send('{"type": "connection_ack"}')
                assert json.loads(await connection.recv()) == {"type": "pong"}
            elif step == LISTEN:
                self.asked.append(json.loads(await connection.recv())["payload"].get("variables"))
            elif step == BREAK:
                connection.transport.abort()
            elif isinstance(step, int):
                await connection.close(step, "so it goes")
            elif isinstance(step, dict):
                await connection.send(json.dumps({"id": "1", **step}))
        await connection.wait_closed()


def question(after: str | None = None, since: str | None = None) -> dict[str, str | None]:
    return {"boardId": "b", "after": after, "since": since}


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        *((code, f"{code} so it goes") for code in (1000, 1001, 1011, 1012, 1013, 1014, 4408, 4410, 4500)),
        (BREAK, "1006 the connection broke"),
        (refused("UNAVAILABLE"), "UNAVAILABLE: No."),
        (refused("LIMIT_EXCEEDED"), "LIMIT_EXCEEDED: No."),
        (ended("UNAVAILABLE"), "UNAVAILABLE: No."),
        ({"type": "complete"}, "the server ended the stream"),
    ],
    ids=str,
)
async def test_after_an_interruption_it_goes_on_from_the_last_item(end: Step, reason: str) -> None:
    peer = Peer([LET_IN, LISTEN, item("1"), item("2"), end], [LET_IN, LISTEN, item("3")])
    async with peer.followed(Position(since="then")) as items:
        assert [(await anext(items))["cursor"] for _ in range(3)] == ["1", "2", "3"]
    assert peer.asked == [question(since="then"), question("2")]
    assert peer.said == [STARTED, f"Interrupted ({reason}): trying again.", "Going on."]


async def test_position_is_after_what_was_dealt_with_and_no_further() -> None:
    position = Position("0")
    async with Peer([LET_IN, LISTEN, item("1"), item("2")]).followed(position) as items:
        for before, cursor in (("0", "1"), ("1", "2")):
            assert (await anext(items))["cursor"] == cursor
            assert position == Position(before)


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        *(
            (code, f"The server closed the socket for good ({code} so it goes): it may be of another version than this `tail`.")
            for code in (1009, 4400, 4401, 4409, 4429)
        ),
        (4403, BAD_CREDENTIAL),
        (4406, NO_TRAILCAST),
        (ended("UNAUTHENTICATED"), BAD_CREDENTIAL),
        (refused("BAD_CURSOR"), "No. (BAD_CURSOR, --after)"),
        (ended("CURSOR_EXPIRED"), "No. (CURSOR_EXPIRED, --after)"),
        (refused("BAD_USER_INPUT"), "The server refuses this: No. (BAD_USER_INPUT)"),
        (ended("INTERNAL"), "The server refuses this: No. (INTERNAL)"),
    ],
    ids=str,
)  # fmt: skip
async def test_what_coming_back_cannot_mend_ends_it(end: Step, sentence: str) -> None:
    peer = Peer([LET_IN, LISTEN, item("1"), end])
    async with peer.followed(Position("0")) as items:
        await anext(items)
        with pytest.raises(GaveUp) as gave_up:
            await anext(items)
    assert str(gave_up.value) == sentence
    assert peer.said == [STARTED]


async def test_peer_that_speaks_something_else_ends_it() -> None:
    async with Peer([], speaks=False).followed(Position()) as items:
        with pytest.raises(GaveUp) as gave_up:
            await anext(items)
    assert str(gave_up.value) == NO_TRAILCAST


@pytest.mark.parametrize(("newest", "start"), [("7", question("7")), (None, question(since=BEGINNING))])
async def test_now_is_the_end_of_the_log_at_the_first_start_and_stays_it(
    newest: str | None, start: dict[str, str | None]
) -> None:
    page: Step = {"type": "next", "payload": {"data": {"activityEvents": {"pageInfo": {"startCursor": newest}}}}}
    first: list[Step] = [LET_IN, LISTEN, page, {"type": "complete"}, LISTEN, 1012]
    peer = Peer(first, [LET_IN, LISTEN, item("8")])
    async with peer.followed(Position()) as items:
        assert (await anext(items))["cursor"] == "8"
    assert peer.asked == [{}, start, start]


async def test_pauses_grow_up_to_a_bound_and_begin_anew_with_an_item_and_what_repeats_is_said_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(delay: float) -> None:
        is_pause = delay in {7, 14, 28}  # and not a wait of the library's
        if is_pause:
            pauses.append(delay)
        await sleep(0 if is_pause else delay)

    # So long that no attempt takes as long: one that does counts as a connection that held, after which pauses begin anew.
    monkeypatch.setattr(following, "PAUSE_S", 7)
    monkeypatch.setattr(following, "PAUSE_MAX_S", 28)
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    monkeypatch.setattr("asyncio.sleep", note)
    closed: list[Step] = [1013]
    peer = Peer(*[closed] * 4, [LET_IN, LISTEN, item("1"), 1012], closed, [LET_IN, LISTEN, item("2")])
    async with peer.followed(Position("0")) as items:
        assert [(await anext(items))["cursor"] for _ in range(2)] == ["1", "2"]
    assert pauses == [7, 14, 28, 28, 7, 14]
    away = "Interrupted (1013 so it goes): trying again."
    assert peer.said == [away, STARTED, "Interrupted (1012 so it goes): trying again.", away, "Going on."]
