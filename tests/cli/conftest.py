"""Commands as real processes with a data directory of their own, and as calls in this process where only their words count."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from tests.layout.tree import ROOT
from trailcast.cli import main

DEADLINE_S = 30
PAUSE_S = 0.01


def environment(**given: str) -> dict[str, str]:
    """This process's environment without what would change the meaning of a command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRAILCAST_")}
    return {name: value for name, value in kept.items() if name not in {"HOST", "PORT"}} | given


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "the condition was not met in time"
        time.sleep(PAUSE_S)


@dataclass
class Command:
    """A running `python -m trailcast …`."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    folder: Path
    handout: dict[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def messages(self) -> str:
        return (self.folder / "stderr").read_text()

    def wait_for(self, text: str) -> None:
        """Until it says this, on either stream."""
        wait_until(lambda: text in self.output + self.messages or self.process.poll() is not None)
        assert text in self.output + self.messages, self.messages

    def line(self, start: str) -> str:
        """What follows on the line that starts so."""
        self.wait_for(start)
        return next(line for line in self.output.splitlines() if line.startswith(start)).removeprefix(start).strip()

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        (os.killpg if group else os.kill)(self.process.pid, number)

    def exit_code(self) -> int:
        return self.process.wait(DEADLINE_S)

    def stop(self) -> None:
        """As Ctrl-C in a terminal does; it must be clean."""
        self.signal(signal.SIGINT, group=True)
        assert self.exit_code() == 0, self.messages
        self.wait_until_nothing_is_left()
        assert "Traceback" not in self.messages

    def wait_until_nothing_is_left(self) -> None:
        """What ends because the command has ended, such as Python's own tracker of shared resources, does so a moment later."""
        wait_until(lambda: self.left_over() == [])

    def left_over(self) -> list[str]:
        """The processes of the command's session, and those that work in its data directory."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                session = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
                cwd, state = (folder / "cwd").readlink(), (folder / "stat").read_text().rpartition(")")[2].split()[0]
                name = (folder / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            # One that has no name any more has given its memory back, and is gone in a moment.
            is_alive = state != "Z" and name != ""
            if is_alive and (session == self.process.pid or self.data_dir.resolve() in (cwd, *cwd.parents)):
                found.append(f"{folder.name} {name}")
        return found


Launch = Callable[..., Command]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Start a command on a free port, with `data_dir` or one of its own."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: _launch(stack, tmp_path, *arguments, **options)


def _launch(stack: ExitStack, tmp_path: Path, *arguments: str, data_dir: Path | None = None, **given: str) -> Command:
    folder = tmp_path / f"command{len(list(tmp_path.glob('command*')))}"
    folder.mkdir()
    data_dir = data_dir or folder / "data"
    env = environment(**{"PORT": "0", "TRAILCAST_DATA_DIR": str(data_dir), **given})
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "trailcast", *arguments],
            cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True,
        )  # fmt: skip
    command = Command(process, data_dir, folder)
    stack.callback(_end, command)
    return command


def _end(command: Command) -> None:
    """Whatever a failed test left running; PostgreSQL and the workers end with their owner."""
    command.process.kill()
    command.process.wait()


@dataclass(frozen=True)
class Seed:
    """A data directory after its first start, what that said, and what it handed out."""

    data_dir: Path
    output: str
    messages: str
    handout: dict[str, Any]


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Seed:
    with ExitStack() as stack:
        first = _launch(stack, tmp_path_factory.mktemp("seed"), "run")
        first.wait_for("Application startup complete")
        handout = json.loads((first.data_dir / "demo.json").read_text())
        first.stop()
        return Seed(first.data_dir, first.output, first.messages, handout)


@pytest.fixture
def loaded(tmp_path: Path, seed: Seed) -> Path:
    """A data directory of the test's own, with the demo in it."""
    subprocess.run(["cp", "-a", seed.data_dir, tmp_path / "loaded"], check=True)
    return tmp_path / "loaded"


def ask(url: str, token: str, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The data of an answer without errors."""
    sent = {"query": document, "variables": variables}
    answer = httpx.post(url, json=sent, headers={"Authorization": f"Bearer {token}"}, timeout=DEADLINE_S).json()
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Call]:
    """Call a command in this process. The logging that it sets up goes when the test goes."""
    loggers = [
        logging.getLogger(name) for name in ("", "trailcast", "resolvers", "schema", "uvicorn", "uvicorn.access")
    ]
    before = [(logger, logger.level, logger.handlers[:], logger.propagate) for logger in loggers]
    variables = {name: None for name in os.environ if name.startswith("TRAILCAST_") or name in {"HOST", "PORT"}}

    def invoke(*arguments: str, **given: str) -> Result:
        env = {**variables, "PORT": "0", "TRAILCAST_DATA_DIR": str(tmp_path / "data"), **given}
        return CliRunner().invoke(main, arguments, env=env, prog_name="python -m trailcast")

    yield invoke
    for logger, level, handlers, propagate in before:
        logger.level, logger.handlers, logger.propagate = level, handlers, propagate
