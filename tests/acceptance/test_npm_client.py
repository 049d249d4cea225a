"""The npm graphql-ws client against real server processes: it asks, writes, follows, and goes on by itself over any cut."""

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.acme import Acme
from tests.acceptance.conftest import Serve
from tests.acceptance.processes import ServerProcess

HERE = Path(__file__).parent / "node"
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None, reason="There is no Node here to run the npm client with."
)


class Node:
    """The client in its process, line by line."""

    def __init__(self, lines: asyncio.StreamReader) -> None:
        self._lines = lines

    async def next(self) -> list[Any]:
        async with asyncio.timeout(30):
            line = await self._lines.readline()
        assert line, "the client has ended"
        said: list[Any] = json.loads(line)
        return said

    async def value(self, kind: str) -> Any:
        said = await self.next()
        assert said[0] == kind, said
        return said[1]

    async def events(self, count: int) -> list[tuple[int, str]]:
        """So many events, with nothing between them but the news of a new connection."""
        found: list[tuple[int, str]] = []
        while len(found) < count:
            kind, value = await self.next()
            if (kind, value) == ("connected", "again"):
                continue
            assert kind == "event", (kind, value)
            found.append((value[0], value[1]))
        return found


@asynccontextmanager
async def client(server: ServerProcess, token: str, after: str) -> AsyncIterator[Node]:
    assert (HERE / "node_modules").is_dir(), "The npm clients are not installed: run scripts/install-clients first."
    command = ("node", "client.mjs", server.ws, token, after)
    process = await asyncio.create_subprocess_exec(*command, cwd=HERE, stdout=PIPE)
    assert process.stdout is not None
    try:
        yield Node(process.stdout)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_it_asks_writes_and_follows_and_goes_on_after_kills_without_loss_or_repeat(
    serve: Serve, acme: Acme
) -> None:
    first, second = await serve(), await serve()
    said = ["from Node"]
    async with client(first, acme.world.token("owner"), acme.cursor(acme.end)) as node:
        assert await node.value("connected") == "first"
        viewer = {"actor": {"kind": "USER", "name": "Olive"}, "workspace": {"name": "Acme"}}
        assert await node.value("query") == {"data": {"viewer": viewer}}
        payload = {"event": {"message": "from Node", "actor": {"name": "Olive"}}, "replayed": False, "errors": []}
        assert await node.value("mutation") == {"data": {"logActivity": payload}}
        refusal = await node.value("refusal")
        assert [error["extensions"]["code"] for error in refusal["errors"]] == ["NOT_FOUND"]
        received = await node.events(1)
        for _ in range(2):
            live, missed = acme.messages(5), acme.messages(5)
            await acme.say(first, *live)
            received += await node.events(5)
            await first.kill()
            await acme.say(second, *missed)
            await first.start()
            received += await node.events(5)
            said += live + missed
    assert received == acme.expected(said)
