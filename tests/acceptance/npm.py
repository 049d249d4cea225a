"""The npm clients in their processes: each is a script of `node/` that prints a line of JSON, [kind, value], for whatever happens."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent / "node"
MODULES = SCRIPTS / "node_modules"  # what scripts/install-clients installs


class Node:
    """A client, line by line."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        self.process = process
        self._lines = process.stdout

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
async def running_node(
    script: str, *arguments: str, folder: Path = SCRIPTS, **environment: str
) -> AsyncIterator[Process]:
    """Node with this script for as long as the block runs."""
    assert MODULES.is_dir(), "The npm clients are not installed: run scripts/install-clients first."
    process = await asyncio.create_subprocess_exec(
        "node", script, *arguments, cwd=folder, stdout=PIPE, env={**os.environ, **environment}
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
