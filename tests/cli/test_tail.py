"""`tail` as a process against a real server: what it prints, how it goes on after an interruption, how it ends."""

import asyncio
import json
import os
import re
import select
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.cli.conftest import Call, environment
from tests.layout.tree import ROOT
from tests.support.clients import Client
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.cli.following import BAD_CREDENTIAL, BEGINNING, Feed, GaveUp, Item, Position, follow
from trailcast.cli.tail import Asked, line, line_of_json, visible
from trailcast.ledger.admin import revoke_token
from trailcast.settings import Settings

DEADLINE_S = 30
LOG = "mutation($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) { events { cursor } errors { code } } }"
NEWEST = "{ activityEvents(first: 1) { pageInfo { startCursor } } }"
STARTED = "Following; Ctrl-C ends it.\n"


class Tail:
    """A running `python -m trailcast tail`. `messages` is what it said on standard error."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.messages = ""
        self._reading = asyncio.create_task(self._read_messages())

    async def _read_messages(self) -> None:
        assert self.process.stderr is not None
        async for said in self.process.stderr:
            self.messages += said.decode()

    async def lines(self, count: int) -> list[str]:
        assert self.process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            return [(await self.process.stdout.readline()).decode().removesuffix("\n") for _ in range(count)]

    async def messages_of_lines(self, count: int) -> list[str]:
        """What was logged, of lines of JSON."""
        return [json.loads(text)["message"] for text in await self.lines(count)]

    async def says(self, text: str) -> None:
        await until(lambda: text in self.messages or self._reading.done())
        assert text in self.messages

    async def end(self, number: signal.Signals | None = None) -> tuple[int, str, str]:
        """Exit code, what it printed beyond the lines that were taken, and all that it said."""
        if number is not None:
            self.process.send_signal(number)
        async with asyncio.timeout(DEADLINE_S):
            rest = "" if self.process.stdout is None else (await self.process.stdout.read()).decode()
            await self._reading
            return await self.process.wait(), rest, self.messages


Start = Callable[..., Awaitable[Tail]]


def items(url: str, token: str, asked: Asked, position: Position, **credentials: str) -> AsyncGenerator[Item]:
    """What `tail` would print, in this process."""
    presented = {"Authorization": f"Bearer {token}", **credentials}
    return follow(Feed(url, presented, asked.document, asked.variables), position, lambda _sentence: None)


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts `tail` with these options, with the token in the environment."""
    started: list[Tail] = []

    async def begin(url: str, token: str, *options: str, stdout: int = PIPE) -> Tail:
        command = (sys.executable, "-m", "trailcast", "tail", "--url", url, *options)
        env = environment(TRAILCAST_TOKEN=token)
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stdout=stdout, stderr=PIPE)
        started.append(Tail(process))
        return started[-1]

    yield begin
    for tail in started:
        if tail.process.returncode is None:
            tail.process.kill()
        await tail.end()


class Log:
    """Acme's log, written by its service through a server of the test's own."""

    def __init__(self, gql: Client, world: World) -> None:
        self._gql = gql
        self._world = world

    async def add(self, *messages: str, **fields: Any) -> str:
        """The cursor of the last of them."""
        inputs = [{"eventType": "a.said", "message": message, **fields} for message in messages]
        data = await self._gql.data(LOG, {"inputs": inputs}, token=self._world.token("service"))
        assert data["logActivities"]["errors"] == []
        cursor: str = data["logActivities"]["events"][-1]["cursor"]
        return cursor

    async def newest_cursor(self) -> str:
        data = await self._gql.data(NEWEST, token=self._world.token("owner"))
        cursor: str = data["activityEvents"]["pageInfo"]["startCursor"]
        return cursor


@pytest.fixture
def log(gql: Client, world: World) -> Log:
    return Log(gql, world)


async def test_what_is_logged_from_now_on_is_printed_a_line_each_and_steers_no_terminal(
    start: Start, server: RunningServer, log: Log, world: World
) -> None:
    await log.add("before")
    tail = await start(server.ws, world.token("owner"))
    await tail.says(STARTED)
    await log.add("on a board", boardId=world.id("alpha"))
    await log.add("nowhere", eventType="auth.login_failed", outcome="DENIED")
    await log.add("\x1b]0;title\x07\x9b2J one\r\ntwo \u202egnp.exe")
    last = await log.add("on a task", eventType="task.comment", taskId=world.id("alpha_task"))
    lines = await tail.lines(4)
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  ", "", text) for text in lines] == [
        "a.said  service  Alpha  on a board",
        "auth.login_failed (DENIED)  service  -  nowhere",
        r"a.said  service  -  \x1b]0;title\x07\x9b2J one\r\ntwo \u202egnp.exe",
        "task.comment  service  Alpha / Alpha task  on a task",
    ]
    assert await tail.end(signal.SIGINT) == (0, "", f"{STARTED}To go on from here: --after {last}\n")


async def test_nothing_is_lost_or_repeated_over_a_restart_of_the_server(
    start: Start, settings: Settings, log: Log, world: World
) -> None:
    async with running_server(settings) as first:
        tail = await start(first.ws, world.token("owner"), "--json")
        await tail.says(STARTED)
        await log.add("1", "2")
        assert await tail.messages_of_lines(2) == ["1", "2"]
    await tail.says("): trying again.\n")
    await log.add("3", "4")
    async with running_server(settings.model_copy(update={"port": first.port})):
        assert await tail.messages_of_lines(2) == ["3", "4"]
        await log.add("5", "6")
        printed = [json.loads(line) for line in await tail.lines(2)]
        assert [event["message"] for event in printed] == ["5", "6"]
        code, rest, messages = await tail.end(signal.SIGTERM)
    assert (code, rest) == (0, "")
    assert messages.startswith(f"{STARTED}Interrupted (1012")
    # The stop may come between a line and the note that it was written.
    assert any(messages.endswith(f"\nGoing on.\nTo go on from here: --after {event['cursor']}\n") for event in printed)


async def test_where_it_was_stopped_it_goes_on(start: Start, server: RunningServer, log: Log, world: World) -> None:
    tail = await start(server.ws, world.token("owner"), "--json")
    await tail.says(STARTED)
    await log.add("1", "2")
    printed = [json.loads(text) for text in await tail.lines(2)]
    _, _, messages = await tail.end(signal.SIGTERM)
    [option, cursor] = messages.split()[-2:]
    # The stop may come between a line and the note that it was written: that line comes again, and none is lost.
    seen = [event["cursor"] for event in printed].index(cursor) + 1
    assert option == "--after"
    await log.add("3", "4")
    tail = await start(server.ws, world.token("owner"), "--json", option, cursor)
    assert await tail.messages_of_lines(4 - seen) == ["1", "2", "3", "4"][seen:]


ASKED = Asked(None, None, None, None, (), None, None, comments=False, as_json=True)
CHOSEN: dict[tuple[str, ...], list[str | None]] = {
    ("board", "comments"): ["Beta plan"],
    ("other_task", "comments"): ["Build is green"],
    ("types",): ["Olive signed in", "Timeout", "Mia signed in"],
    ("agent", "types"): ["Timeout"],
    ("task",): ["Beta plan", None],
}


@pytest.mark.parametrize("names", CHOSEN, ids=" ".join)
async def test_options_choose_what_is_asked(server: RunningServer, world: World, names: tuple[str, ...]) -> None:
    options: dict[str, Any] = {
        "board": {"board": UUID(world.id("beta"))},
        "task": {"task": UUID(world.id("beta_task"))},
        "other_task": {"task": UUID(world.id("alpha_task2"))},
        "agent": {"agent": UUID(world.id("bot"))},
        "types": {"types": ("auth.login", "task.execution.failed")},
        "comments": {"comments": True},
    }
    asked = replace(ASKED, **{field: value for name in names for field, value in options[name].items()})
    messages = CHOSEN[names]
    async with aclosing(items(server.ws, world.token("owner"), asked, Position(since=BEGINNING))) as found:
        assert [(await anext(found))["message"] for _ in messages] == messages


async def test_every_option_is_heeded(start: Start, server: RunningServer, world: World) -> None:
    places = ["--board", world.id("gamma"), "--task", world.id("gamma_task"), "--workspace", world.acme]
    chosen = ["--agent", world.id("bot"), "--type", "task.comment", "--type", "a.b", "--since", BEGINNING]
    tail = await start(server.ws, world.token("owner"), *places, *chosen)
    assert (await tail.lines(1))[0].endswith("task.comment  Bot  Gamma / Gamma task  Secret plan")
    assert (await tail.end(signal.SIGTERM))[:2] == (0, "")


async def test_json_tells_all_there_is_to_tell(start: Start, server: RunningServer, log: Log, world: World) -> None:
    changes = [{"path": "status", "before": "todo", "after": None}]
    given = {"metadata": {"deep": [1, "zwei \u2028"]}, "changes": changes, "taskId": world.id("alpha_task")}
    after = await log.newest_cursor()
    cursor = await log.add("\x1b[2J\x7fgrüßt", correlationId="run-3", **given)
    tail = await start(server.ws, world.token("owner"), "--after", after, "--json")
    [text] = await tail.lines(1)
    assert text.isascii()
    assert text.isprintable()
    printed = json.loads(text)
    for name in ("id", "createdAt", "occurredAt", "sequence"):
        assert printed.pop(name)
    actor = printed.pop("actor")
    assert (actor["kind"], actor["name"]) == ("SERVICE", "service")
    assert printed == {
        **given,
        "cursor": cursor,
        "message": "\x1b[2J\x7fgrüßt",
        "correlationId": "run-3",
        "outcome": "SUCCESS",
        "eventType": "a.said",
        "boardId": world.id("alpha"),
        "onBehalfOf": None,
        "entityType": "task",
        "entityId": world.id("alpha_task"),
        "entityName": "Alpha task",
    }


def test_text_of_people_stays_readable() -> None:
    text = "naïve – 日本 👩\u200d🚀 می\u200cخواهم 5\u00a0km \\n"
    assert visible(text) == text
    assert visible("".join(map(chr, [*range(32), *range(0x7F, 0xA0), 0x2028, 0x2066, 0xD800, 0xFEFF]))).isprintable()


def test_item_without_names_has_a_line_too() -> None:
    bare = {"createdAt": "2026-11-22T10:00:00.5+02:00", "board": None, "task": None, "message": None}
    item = {**bare, "cursor": "c", "eventType": "a.b", "actor": {"kind": "SYSTEM", "name": None}, "outcome": "SUCCESS"}
    assert line(item) == "2026-11-22 08:00:00Z  a.b  system  -"
    assert line_of_json({"message": "\x7f"}) == '{"message": "\\u007f"}'


@pytest.mark.parametrize(
    ("position", "path", "workspace", "sentence"),
    [
        (
            Position("never"), "/graphql", "acme",
            "This cursor is not one of this list in this workspace: start again without it. (BAD_CURSOR, --after)",
        ),
        (
            Position(since="yesterday"), "/graphql", "acme",
            "The server refuses this: Variable '$since' has invalid value: A DateTime is RFC 3339 with an offset, such as 2026-",
        ),
        (Position(), "/graphql", "globex", BAD_CREDENTIAL),
        (Position(), "/", "acme", "The server refuses sockets there (HTTP 403): --url has to lead to its /graphql."),
    ],
)  # fmt: skip
async def test_what_the_server_refuses_is_a_sentence(
    *, server: RunningServer, world: World, position: Position, path: str, workspace: str, sentence: str
) -> None:
    url = server.ws.replace("/graphql", path)
    found = items(url, world.token("owner"), ASKED, position, workspace=getattr(world, workspace))
    with pytest.raises(GaveUp, match="^" + re.escape(sentence)):
        await anext(found)


async def test_server_that_is_not_there_is_an_end(start: Start) -> None:
    reason = "[Errno 111] Connect call failed ('127.0.0.1', 9)"
    sentence = f"The server cannot be reached ({reason}): start it, or give its address in --url.\n"
    assert await (await start("ws://127.0.0.1:9/graphql", "any")).end() == (1, "", sentence)


async def test_token_that_is_revoked_ends_it_and_the_way_on_is_told(
    start: Start, server: RunningServer, log: Log, world: World, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(world.token("owner") + "\n")
    tail = await start(server.ws, "another that does not count", "--token-file", str(file), "--json")
    await tail.says(STARTED)
    last = await log.add("seen")
    assert await tail.messages_of_lines(1) == ["seen"]
    async with server.database.operating() as connection:
        await revoke_token(connection, world.token("owner").split("_")[1])
    assert await tail.end() == (1, "", f"{STARTED}{BAD_CREDENTIAL}\nTo go on from here: --after {last}\n")


async def test_closed_pipe_ends_it_quietly_and_at_once(
    start: Start, server: RunningServer, log: Log, world: World
) -> None:
    reader, writer = os.pipe()
    tail = await start(server.ws, world.token("owner"), stdout=writer)
    os.close(writer)
    await tail.says(STARTED)
    os.close(reader)
    assert await tail.end() == (0, "", STARTED)


async def test_reader_that_takes_nothing_does_not_keep_it_from_stopping(
    start: Start, server: RunningServer, log: Log, world: World
) -> None:
    after = await log.newest_cursor()
    last_whole = await log.add("short")
    await log.add("\x01" * 16_000)  # six times as much on a line of JSON: more than a pipe takes
    reader, writer = os.pipe()
    tail = await start(server.ws, world.token("owner"), "--json", "--after", after, stdout=writer)
    await until(lambda: not select.select([], [writer], [], 0)[1])
    os.close(writer)
    assert await tail.end(signal.SIGTERM) == (0, "", f"{STARTED}To go on from here: --after {last_whole}\n")
    os.close(reader)


@pytest.mark.parametrize(
    ("options", "given", "sentence"),
    [
        ([], {}, "There is no token: put one into TRAILCAST_TOKEN, or into a file that --token-file names."),
        (
            ["--url", "http://127.0.0.1:8000/graphql"],
            {"TRAILCAST_TOKEN": "t"},
            "--url has to look like ws://127.0.0.1:8000/graphql, or wss://… behind TLS.",
        ),
        (
            ["--comments", "--type", "a.b"],
            {"TRAILCAST_TOKEN": "t"},
            "--agent and --type choose among events: leave them out, or --comments.",
        ),
        (
            ["--board", "alpha"],
            {"TRAILCAST_TOKEN": "t"},
            "Invalid value for '--board': 'alpha' is not a valid UUID.",
        ),
    ],
)
def test_mistake_in_the_options_is_one_sentence(
    call: Call, options: list[str], given: dict[str, str], sentence: str
) -> None:
    result = call("tail", *options, **{"TRAILCAST_TOKEN": "", **given})
    assert (result.exit_code, result.stdout, result.stderr.splitlines()[-1]) == (2, "", f"Error: {sentence}")
