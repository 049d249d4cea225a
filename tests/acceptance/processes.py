"""Servers as they are run: `python -m trailcast serve`, each a process of its own, which can be killed and started again."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_DEADLINE_S = 60.0


class ServerProcess:
    """One server on a database. Its port is its own for as long as the test runs: a restarted one is found where it was."""

    def __init__(self, database_url: str, **environment: str) -> None:
        settings = {"TRAILCAST_DATABASE_URL": database_url, "TRAILCAST_LOG_LEVEL": "warning", **environment}
        self._environment = {**os.environ, **settings}
        self._process: Process
        self.port = 0

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    async def start(self) -> None:
        """Return when it listens."""
        command = (sys.executable, "-m", "trailcast", "serve")
        environment = {**self._environment, "PORT": str(self.port), "HOST": "127.0.0.1"}
        self._process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=PIPE)
        assert self._process.stdout is not None
        async with asyncio.timeout(START_DEADLINE_S):
            line = (await self._process.stdout.readline()).decode()
        serving = re.fullmatch(r"Serving http://127\.0\.0\.1:(\d+)/graphql\n", line)
        assert serving is not None, f"the server said {line!r}"
        self.port = int(serving[1])

    async def kill(self) -> None:
        """End it as a crash would, and wait until it is gone."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> int:
        """End it as an operator would; its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return await self._process.wait()
