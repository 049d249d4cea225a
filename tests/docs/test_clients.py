"""The subscribers of docs/protocol.md, run as they stand there: real clients, a real server, a connection that is cut.

Each is seen to go on without gap or repeat after a cut, to come back when the database was away for a moment, and to stop
where going on is no use.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from gql.transport.exceptions import TransportError, TransportQueryError

from tests.acceptance.npm import MODULES, running_node
from tests.docs.markdown import blocks, file_block
from tests.docs.relay import Relay
from tests.support.clients import Client, Statements
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.ledger.admin import revoke_token
from trailcast.ledger.database import driver_url
from trailcast.settings import Settings

PAGE = "docs/protocol.md"
DEADLINE_S = 30.0

# What the documented module is driven by: it prints each message on a line, and how it ended.
DRIVER = """
import WebSocket from 'ws';
import { follow } from './follow.js';

let sockets = 0;
class Socket extends WebSocket {
  // The first one is as good as dead, if asked for: it answers no ping.
  constructor(url, protocols) { super(url, protocols, { autoPong: sockets++ > 0 || !process.env.MUTE }); }
}
const [url, token, boardId, after] = process.argv.slice(2);
const say = (kind, value) => console.log(JSON.stringify([kind, value]));
follow(
  url, token, boardId, after || undefined,
  (comment) => say('comment', comment.message),
  (end) => { say('end', end?.[0]?.extensions?.code ?? end?.code ?? null); process.exit(); },
  {
    webSocketImpl: Socket,
    retryWait: () => new Promise((done) => setTimeout(done, 50)),
    lazyCloseTimeout: 60_000, // as where other subscriptions keep the socket open
  },
);
"""

SSE_DRIVER = """
import { follow } from './follow-sse.js';

const [url, token, boardId, after] = process.argv.slice(2);
const say = (kind, value) => console.log(JSON.stringify([kind, value]));
follow(
  url, token, boardId, after || undefined,
  (comment) => say('comment', comment.message),
  (end) => { say('end', end?.[0]?.extensions?.code ?? null); process.exit(); },
  { retry: () => new Promise((done) => setTimeout(done, 50)) },
);
"""

SAY = "mutation($task: ID!, $message: String!) { addTaskComment(taskId: $task, message: $message) { errors { code } } }"

Lines = AsyncIterator[list[Any]]
Follow = Callable[..., AsyncGenerator[list[Any]]]


async def follow_with_graphql_ws(
    folder: Path, url: str, token: str, board_id: str, after: str | None, **environment: str
) -> AsyncGenerator[list[Any]]:
    """["comment", message] for each, then ["end", code]."""
    modules = ["resume.js", "follow.js"]
    async with aclosing(_drive(folder, modules, DRIVER, url, token, board_id, after or "", **environment)) as lines:
        async for line in lines:
            yield line


async def _drive(
    folder: Path, modules: list[str], driver: str, *arguments: str, **environment: str
) -> AsyncGenerator[list[Any]]:
    """What the documented modules do under this driver, line by line."""
    for name in modules:
        (folder / name).write_text(file_block(PAGE, name))
    (folder / "driver.js").write_text(driver)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(MODULES)
    async with running_node("driver.js", *arguments, folder=folder, **environment) as process:
        assert process.stdout is not None
        async for line in process.stdout:
            yield json.loads(line)


async def follow_with_graphql_sse(
    folder: Path, url: str, token: str, board_id: str, after: str | None
) -> AsyncGenerator[list[Any]]:
    """The same, over server-sent events."""
    events = url.replace("ws://", "http://")
    async with aclosing(_drive(folder, ["follow-sse.js"], SSE_DRIVER, events, token, board_id, after or "")) as lines:
        async for line in lines:
            yield line


async def follow_with_gql(
    _folder: Path, url: str, token: str, board_id: str, after: str | None
) -> AsyncGenerator[list[Any]]:
    """The same, by the documented generator."""
    module: dict[str, Any] = {}
    exec(compile(file_block(PAGE, "follow.py"), "follow.py", "exec"), module)
    try:
        async with aclosing(module["follow"](url, token, board_id, after, pause_s=0.05)) as comments:
            async for comment in comments:
                yield ["comment", comment["message"]]
    except TransportQueryError as error:
        yield ["end", (error.errors or [{}])[0]["extensions"]["code"]]
    except TransportError as error:
        yield ["end", error.__cause__.rcvd.code]  # type: ignore[union-attr]


FOLLOWERS = [
    pytest.param(follow_with_graphql_ws, id="graphql-ws"),
    pytest.param(follow_with_graphql_sse, id="graphql-sse"),
    pytest.param(follow_with_gql, id="gql"),
]
every_client = pytest.mark.parametrize("follow", FOLLOWERS)


@asynccontextmanager
async def following(
    follow: Follow, folder: Path, url: str, talk: "Talk", after: str | None, **environment: str
) -> AsyncGenerator[Lines]:
    async with aclosing(follow(folder, url, talk.token, talk.board, after, **environment)) as lines:
        async with asyncio.timeout(DEADLINE_S):
            yield lines


class Talk:
    """Comments on a board, one after the other, and the page of them as the document asks for it."""

    def __init__(self, gql: Client, world: World) -> None:
        self._gql = gql
        self._world = world
        self.board = world.id("alpha")
        self.token = world.token("member")

    async def say(self, *messages: str) -> None:
        for message in messages:
            variables = {"task": self._world.id("alpha_task"), "message": message}
            data = await self._gql.data(SAY, variables, token=self._world.token("owner"))
            assert data == {"addTaskComment": {"errors": []}}

    async def newest_cursor(self) -> str | None:
        [document] = [block.text for block in blocks(PAGE, "graphql") if block.text.startswith("query Page")]
        data = await self._gql.data(document, {"boardId": self.board}, token=self.token)
        cursor: str | None = data["taskComments"]["pageInfo"]["startCursor"]
        return cursor


@pytest.fixture
def talk(gql: Client, world: World) -> Talk:
    return Talk(gql, world)


async def heard(lines: Lines, count: int) -> list[list[Any]]:
    return [await anext(lines) for _ in range(count)]


def comments(*messages: str) -> list[list[Any]]:
    return [["comment", message] for message in messages]


@every_client
async def test_nothing_is_missed_or_repeated_from_the_page_on_and_over_a_cut(
    follow: Follow, server: RunningServer, talk: Talk, tmp_path: Path
) -> None:
    after = await talk.newest_cursor()
    await talk.say("after the page")
    async with Relay(server.port) as relay, following(follow, tmp_path, relay.ws, talk, after) as lines:
        assert await heard(lines, 1) == comments("after the page")
        await talk.say("live")
        assert await heard(lines, 1) == comments("live")
        for cut in (1, 2):
            relay.cut()
            await talk.say(f"first of cut {cut}", f"second of cut {cut}")
            relay.mend()
            await talk.say(f"after cut {cut}")
            expected = comments(f"first of cut {cut}", f"second of cut {cut}", f"after cut {cut}")
            assert await heard(lines, 3) == expected


@every_client
async def test_a_revoked_token_ends_it(follow: Follow, server: RunningServer, talk: Talk, tmp_path: Path) -> None:
    after = await talk.newest_cursor()
    await talk.say("before")
    async with following(follow, tmp_path, server.ws, talk, after) as lines:
        assert await heard(lines, 1) == comments("before")
        async with server.database.operating() as connection:
            await revoke_token(connection, talk.token.split("_")[1])
        assert await heard(lines, 1) == [["end", "UNAUTHENTICATED"]]


@every_client
async def test_a_token_that_does_not_count_ends_it(
    follow: Follow, server: RunningServer, talk: Talk, tmp_path: Path
) -> None:
    after = await talk.newest_cursor()
    talk.token = talk.token[:-1]
    async with following(follow, tmp_path, server.ws, talk, after) as lines:
        # Over a socket there is only a close code to tell it by.
        assert await heard(lines, 1) == [["end", "UNAUTHENTICATED" if follow is follow_with_graphql_sse else 4403]]


@every_client
async def test_it_comes_back_when_rights_could_not_be_read_for_a_moment(
    follow: Follow, settings: Settings, talk: Talk, tmp_path: Path
) -> None:
    after = await talk.newest_cursor()
    await talk.say("before")
    impatient = settings.model_copy(update={"lock_timeout_ms": 100})
    async with running_server(impatient) as server, following(follow, tmp_path, server.ws, talk, after) as lines:
        assert await heard(lines, 1) == comments("before")
        async with asyncio.TaskGroup() as waiting:
            following_item = waiting.create_task(heard(lines, 1))
            async with changed_rights_that_nobody_can_read(settings):
                with Statements(server.database) as statements:
                    # Once by the feed, which ends; then by the client, which comes back, is refused, and comes back again.
                    await until(lambda: len(statements.of("credentials")) > 2)
            await talk.say("after")
        assert following_item.result() == comments("after")


@asynccontextmanager
async def changed_rights_that_nobody_can_read(settings: Settings) -> AsyncGenerator[None]:
    assert settings.database_url is not None
    connection = await asyncpg.connect(driver_url(settings.database_url))
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE credentials IN ACCESS EXCLUSIVE MODE")
            other = await asyncpg.connect(driver_url(settings.database_url))
            await other.execute("UPDATE heads SET access_version = access_version + 1")
            await other.close()
            yield
    finally:
        await connection.close()


async def test_a_client_that_answered_no_ping_comes_back(settings: Settings, talk: Talk, tmp_path: Path) -> None:
    after = await talk.newest_cursor()
    await talk.say("before")
    impatient = settings.model_copy(update={"socket_ping_s": 1, "socket_pong_s": 1})
    async with (
        running_server(impatient) as server,
        Relay(server.port) as relay,
        following(follow_with_graphql_ws, tmp_path, relay.ws, talk, after, MUTE="yes") as lines,
    ):
        assert await heard(lines, 1) == comments("before")
        await until(lambda: relay.accepted > 1)
        await talk.say("after")
        assert await heard(lines, 1) == comments("after")
