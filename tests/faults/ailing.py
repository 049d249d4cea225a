"""A PostgreSQL of a test's own that can be made to suffer: its disk is full, it is down, it is read-only, it has a standby.

Real in all of it but the disk, of which there is no small one that every machine lets a test have: a library that is preloaded
(`full_disk.c`) refuses to let files grow while a flag is there, as a full file system does. What PostgreSQL makes of that is its own.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.embedded import EmbeddedPostgres
from trailcast.embedded.account import choose_account, command_as
from trailcast.embedded.binaries import find_binaries
from trailcast.ledger.database import driver_url
from trailcast.settings import Settings

PARAMETERS = {"shared_buffers": "16MB", "max_connections": "60"}


class Ailing:
    """In this directory. `postgres` is for starting and stopping it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.postgres = EmbeddedPostgres(directory, parameters=PARAMETERS)
        self._flag = directory / "full"
        self._library = directory / "full_disk.so"

    @property
    def url(self) -> str:
        return self.postgres.url()

    def build(self) -> None:
        """Compile the library."""
        source = Path(__file__).with_name("full_disk.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", self._library, source], check=True)

    def start(self) -> None:
        preloaded = {"LD_PRELOAD": str(self._library), "FULL_DISK": str(self._flag)}
        os.environ.update(preloaded)
        try:
            self.postgres.start()
        finally:
            for name in preloaded:
                del os.environ[name]

    @contextmanager
    def full(self) -> Iterator[None]:
        """While the block runs, no file grows."""
        self._flag.touch()
        try:
            yield
        finally:
            self._flag.unlink()

    async def execute(self, statement: str) -> None:
        """As a superuser."""
        connection = await asyncpg.connect(driver_url(self.url))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    @asynccontextmanager
    async def standby(self, directory: Path) -> AsyncIterator[EmbeddedPostgres]:
        """A hot standby of it, as pg_basebackup makes one."""
        cluster = directory / "postgres"
        cluster.mkdir(parents=True)
        shutil.chown(cluster, (self.directory / "postgres").stat().st_uid, (self.directory / "postgres").stat().st_gid)
        cluster.chmod(0o700)
        source = driver_url(self.url)
        binaries = find_binaries()
        command = [
            str(binaries.directory / "pg_basebackup"),
            "-d",
            source,
            "-D",
            str(cluster),
            "-R",
            "-c",
            "fast",
            "--no-sync",
        ]
        account = choose_account(cluster, (binaries.postgres, directory))
        await asyncio.to_thread(subprocess.run, command_as(account, command), check=True)
        standby = EmbeddedPostgres(directory, parameters=PARAMETERS)
        try:
            await asyncio.to_thread(standby.start)
            yield standby
        finally:
            await asyncio.to_thread(standby.stop)


@dataclass(frozen=True)
class Scene:
    """`owner` is the tables' owner's connection; `end` is where Acme's log ended when the test began."""

    ailing: Ailing
    world: World
    settings: Settings
    owner: asyncpg.Connection
    end: int


async def readiness(server: RunningServer) -> tuple[int, str, dict[str, Any]]:
    """What /readyz says: its status, and in its body the status and the checks."""
    async with httpx.AsyncClient(timeout=30) as client:
        response = await client.get(server.http.replace("/graphql", "/readyz"))
    body = response.json()
    return response.status_code, body["status"], body["checks"]
