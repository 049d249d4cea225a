"""Real servers, owned by this process or by processes that the tests may kill, and ways to look at them from outside."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from trailcast.embedded import EmbeddedPostgres

DEADLINE_SECONDS = 20
OWNER_SCRIPT = Path(__file__).with_name("owner.py")

Embedded = Callable[..., EmbeddedPostgres]
RunSql = Callable[..., list[tuple[object, ...]]]


@dataclass(frozen=True)
class OwnerProcess:
    """A process that runs owner.py."""

    process: subprocess.Popen[str]

    def wait_until_ready(self) -> tuple[bool, str]:
        """Return whether it owns the server, and the server's address."""
        assert self.process.stdout is not None
        line = json.loads(self.process.stdout.readline())
        return line["owner"], line["url"]

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(DEADLINE_SECONDS) == 0


RunOwner = Callable[..., OwnerProcess]
ServerPids = Callable[[Path], list[int]]
WaitUntil = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that was started once: copying it takes a fraction of what creating one takes."""
    directory = tmp_path_factory.mktemp("seed") / "data"
    with EmbeddedPostgres(directory, parameters={"fsync": "off"}):
        return directory


@pytest.fixture
def data_dir(tmp_path: Path, seed: Path) -> Path:
    subprocess.run(["cp", "-a", seed, tmp_path], check=True)
    return tmp_path / seed.name


@pytest.fixture
def embedded(request: pytest.FixtureRequest) -> Iterator[Embedded]:
    """Make servers, on `data_dir` unless told otherwise, that do not wait for disks."""
    with ExitStack() as stack:

        def make(directory: Path | None = None, **options: object) -> EmbeddedPostgres:
            directory = directory or request.getfixturevalue("data_dir")
            options = {"parameters": {"fsync": "off"}} | options
            postgres = EmbeddedPostgres(directory, **options)  # type: ignore[arg-type]
            stack.callback(postgres.stop)
            return postgres

        yield make


@pytest.fixture
def run_owner() -> Iterator[RunOwner]:
    """Run owner.py on a data directory; `prefix` is a command that runs it as somebody else."""
    with ExitStack() as stack:

        def run(data_dir: Path, prefix: Sequence[str] = ()) -> OwnerProcess:
            process = stack.enter_context(
                subprocess.Popen(
                    [*prefix, sys.executable, OWNER_SCRIPT, data_dir],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return OwnerProcess(process)

        yield run


@pytest.fixture
def run_sql() -> RunSql:
    """Run one statement over a connection of its own."""

    async def run(url: str, statement: str) -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return lambda url, statement: asyncio.run(run(url, statement))


@pytest.fixture
def server_pids() -> ServerPids:
    """List every process of the server on that data directory: all of them work in its cluster, and nobody else does."""

    def find(data_dir: Path) -> list[int]:
        pids = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (process / "cwd").readlink() == data_dir.resolve() / "postgres":
                    pids.append(int(process.name))
        return pids

    return find


@pytest.fixture
def wait_until() -> WaitUntil:
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the condition was not met in time"
            time.sleep(0.005)

    return wait
