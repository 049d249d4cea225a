"""`tail`: a feed in the terminal. What is asked of the server, how an item looks on a line, and how it all ends.

What was logged is other people's text: nothing of it reaches a terminal that could be more than text there. The place to go on
from is never lost: whoever stops it is told, all before that place was printed, and at worst the line that was being printed
comes again.
"""

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import FrameType
from typing import TextIO
from uuid import UUID

import click
from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from trailcast.cli.following import Feed, GaveUp, Item, Position, Say, follow
from trailcast.cli.stopping import SIGNALS, Stop, stop_if_asked
from trailcast.settings import Settings

TOKEN = "TRAILCAST_TOKEN"  # noqa: S105 - a name
EVENTS = """subscription Tail($filter: ActivityEventFilter, $after: String, $since: DateTime) {
  activityLogged(filter: $filter, after: $after, since: $since) { %s }
}"""
COMMENTS = """subscription Tail($boardId: ID, $taskId: ID, $after: String, $since: DateTime) {
  commentAdded(boardId: $boardId, taskId: $taskId, after: $after, since: $since) { %s }
}"""
EVENT_LINE = "cursor createdAt eventType outcome message actor { kind name } board { name } task { title }"
EVENT_JSON = """
  cursor sequence id createdAt occurredAt eventType outcome message
  actor { kind id name role } onBehalfOf { kind id name role }
  boardId taskId entityType entityId entityName changes { path before after } metadata correlationId
"""
COMMENT_LINE = "cursor createdAt message actor: author { kind name } board { name } task { title }"
COMMENT_JSON = "cursor id createdAt message author { kind id name role } boardId boardName taskId taskTitle"
COMMENT_TYPE = "task.comment"
# Spaces that do not break and joiners inside words and emoji: not printable to Python, and they move nothing on a screen.
HARMLESS = frozenset("\u00a0\u202f\u200c\u200d")


@dataclass(frozen=True)
class Asked:
    """What the options ask for."""

    workspace: UUID | None
    board: UUID | None
    task: UUID | None
    agent: UUID | None
    types: tuple[str, ...]
    after: str | None
    since: str | None
    comments: bool
    as_json: bool

    @property
    def document(self) -> str:
        if self.comments:
            return COMMENTS % (COMMENT_JSON if self.as_json else COMMENT_LINE)
        return EVENTS % (EVENT_JSON if self.as_json else EVENT_LINE)

    @property
    def variables(self) -> Mapping[str, object]:
        if self.comments:
            return {"boardId": _text(self.board), "taskId": _text(self.task)}
        wanted = {"boardId": self.board, "taskId": self.task, "agentId": self.agent}
        ids = {name: [str(value)] for name, value in wanted.items() if value is not None}
        return {"filter": {**ids, "eventType": list(self.types) or None}}


class Output:
    """Standard output, without a buffer: what was not printed when the end comes is not printed after it."""

    def __init__(self, stream: TextIO) -> None:
        self._descriptor = stream.fileno()
        self._encoding = stream.encoding
        self.is_writing = False
        self.is_gone = False

    def write(self, line: str) -> None:
        """Return when all of it is written. A reader that takes its time holds up everything, and the server gets over it."""
        rest = memoryview(f"{line}\n".encode(self._encoding, "backslashreplace"))
        self.is_writing = True
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        finally:
            self.is_writing = False

    def when_gone(self, act: Callable[[], object]) -> None:
        """Act when nobody reads the pipe any more: `| head` would else hold the terminal until the next event."""

        def note() -> None:
            self.is_gone = True
            asyncio.get_running_loop().remove_reader(self._descriptor)
            act()

        if stat.S_ISFIFO(os.fstat(self._descriptor).st_mode):
            asyncio.get_running_loop().add_reader(self._descriptor, note)


def read_token(file: TextIO | None) -> str:
    """The token. There is no option for it: arguments of a command are for all to see in the list of processes."""
    token = (os.environ.get(TOKEN, "") if file is None else file.read()).strip()
    if not token:
        raise click.UsageError(f"There is no token: put one into {TOKEN}, or into a file that --token-file names.")
    return token


def follow_in_terminal(settings: Settings, url: str | None, token: str, asked: Asked, say: Say) -> int:
    """Print what arrives until somebody stops it; the exit code."""
    if asked.comments and (asked.agent or asked.types):
        raise click.UsageError("--agent and --type choose among events: leave them out, or --comments.")
    workspace = {} if asked.workspace is None else {"X-Workspace": str(asked.workspace)}
    credentials = {"Authorization": f"Bearer {token}", **workspace}
    feed = Feed(_address(settings, url), credentials, asked.document, asked.variables)
    begun = Position(asked.after, asked.since)
    position = replace(begun)
    output = Output(sys.stdout)

    def tell(sentence: str) -> None:
        say(visible(sentence))

    try:
        asyncio.run(_print(feed, position, output, line_of_json if asked.as_json else line, tell))
    except (asyncio.CancelledError, Stop):
        if not output.is_gone:
            tell(_way_on(position))
    except BrokenPipeError:
        pass
    except GaveUp as end:
        tell(str(end))
        if position != begun:
            tell(_way_on(position))
        return 1
    return 0


async def _print(feed: Feed, position: Position, output: Output, look: Callable[[Item], str], say: Say) -> None:
    loop, following = asyncio.get_running_loop(), asyncio.current_task()
    assert following is not None

    def stop(_number: int, _frame: FrameType | None) -> None:
        if output.is_writing:  # held up by whoever reads it, and nothing else would be seen before that goes on
            raise Stop
        loop.call_soon_threadsafe(following.cancel)

    for number in SIGNALS:
        signal.signal(number, stop)
    stop_if_asked()
    output.when_gone(following.cancel)
    async with aclosing(follow(feed, position, say)) as items:
        async for item in items:
            output.write(look(item))


def _address(settings: Settings, url: str | None) -> str:
    if url is None:
        from trailcast.cli.serving import endpoint

        return endpoint(settings, settings.port).ws
    try:
        parse_uri(url)
    except InvalidURI as error:
        raise click.UsageError("--url has to look like ws://127.0.0.1:8000/graphql, or wss://… behind TLS.") from error
    return url


def _way_on(position: Position) -> str:
    given = {name: value for name, value in vars(position).items() if value is not None}
    return "To go on from here: " + (" ".join(f"--{name} {value}" for name, value in given.items()) or "the same again")


def line(item: Item) -> str:
    """An item for people: time (UTC), type, actor, board and task, message."""
    moment = datetime.fromisoformat(item["createdAt"]).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    kind, outcome = item.get("eventType", COMMENT_TYPE), item.get("outcome", "SUCCESS")
    actor = item["actor"]["name"] or item["actor"]["kind"].lower()
    places = [item["board"] and item["board"]["name"], item["task"] and item["task"]["title"]]
    place = " / ".join(filter(None, places)) or "-"
    cells = [moment, kind if outcome == "SUCCESS" else f"{kind} ({outcome})", actor, place, item["message"] or ""]
    return "  ".join(visible(cell) for cell in cells).rstrip()


def line_of_json(item: Item) -> str:
    """An item for programs. JSON leaves one control character as it is."""
    return json.dumps(item).replace("\x7f", r"\u007f")


def visible(text: str) -> str:
    """The text on one line, with everything escaped that would steer a terminal: controls, line ends, changes of direction."""
    return "".join(sign if sign.isprintable() or sign in HARMLESS else _escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
