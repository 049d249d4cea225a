"""`run` and `demo` on a database that was given, called in this process, and stopped by a signal to it."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.cli.conftest import Call, wait_until
from tests.support.clients import open_socket
from trailcast.demo import live
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.database import driver_url

STORY_EVENTS = 2290 + 5  # of the first workspace
EVENTS = STORY_EVENTS + 2259 + 5


@pytest.fixture
def given(
    call: Call, postgres: EmbeddedPostgres, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The environment that names the database. Restored afterwards, for a server hands the address to its workers there."""
    monkeypatch.setattr(live, "LOOK_EVERY_S", 0.02)
    monkeypatch.setenv("TRAILCAST_DATABASE_URL", empty_database_url)
    return {"TRAILCAST_DATABASE_URL": empty_database_url}


@contextmanager
def interrupted_when(condition: Callable[[], bool]) -> Iterator[None]:
    """As if somebody pressed Ctrl-C as soon as it is so."""

    def interrupt() -> None:
        wait_until(condition)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    yield
    thread.join()


def count_events(url: str) -> int:
    async def count() -> int:
        connection = await asyncpg.connect(driver_url(url))
        try:
            found: int = await connection.fetchval("SELECT count(*) FROM events")
            return found
        finally:
            await connection.close()

    return asyncio.run(count())


def handed_out(data_dir: Path) -> dict[str, Any] | None:
    path = data_dir / "demo.json"
    if not path.exists():
        return None
    handout: dict[str, Any] = json.loads(path.read_text())
    return handout


def is_serving(data_dir: Path, *, but_not_at: str | None = None) -> bool:
    """Whether the address of the handout answers to a token of it."""
    handout = handed_out(data_dir)
    if handout is None or handout["http"] == but_not_at:
        return False
    headers = {"Authorization": f"Bearer {handout['workspaces'][0]['tokens']['owner']}"}
    answer = httpx.post(handout["http"], json={"query": "{ viewer { role } }"}, headers=headers, timeout=20)
    return bool(answer.json() == {"data": {"viewer": {"role": "OWNER"}}})


async def next_sequence(data_dir: Path) -> int:
    """Of the next event that a subscriber of the first workspace hears."""
    handout = handed_out(data_dir)
    assert handout is not None
    async with open_socket(handout["ws"], handout["workspaces"][0]["tokens"]["owner"]) as watching:
        await watching.subscribe("subscription { activityLogged { sequence } }")
        return int((await watching.next())["data"]["activityLogged"]["sequence"])


def test_run_on_a_given_database_starts_no_postgres(call: Call, tmp_path: Path, given: dict[str, str]) -> None:
    with interrupted_when(lambda: is_serving(tmp_path / "data")):
        first = call("run", **given)
    assert first.exit_code == 0
    handout = handed_out(tmp_path / "data")
    assert handout is not None
    assert handout["workspaces"][1]["tokens"]["agent2"] in first.stdout
    assert count_events(given["TRAILCAST_DATABASE_URL"]) == EVENTS

    def is_live() -> bool:
        moved = is_serving(tmp_path / "data", but_not_at=handout["http"])
        return moved and asyncio.run(next_sequence(tmp_path / "data")) > STORY_EVENTS

    with interrupted_when(is_live):
        second = call("run", "--live", **given)
    assert second.exit_code == 0
    assert "Loading" not in second.stderr
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["demo.json"]

    (tmp_path / "data/demo.json").unlink()
    third = call("demo", "--live", **given)
    assert (third.exit_code, third.stderr) == (
        2,
        f"{tmp_path}/data/demo.json does not hold the tokens of a demo in this database, and live events need them.\n",
    )


def test_demo_is_loaded_once_and_kept_alive(call: Call, tmp_path: Path, given: dict[str, str]) -> None:
    loaded = call("demo", PORT="8000", **given)
    assert (loaded.exit_code, loaded.stdout) == (0, "")
    assert loaded.stderr.splitlines()[-1] == f"The tokens are in {tmp_path}/data/demo.json"
    handout = handed_out(tmp_path / "data")
    assert handout is not None
    assert (handout["http"], handout["ws"]) == ("http://127.0.0.1:8000/graphql", "ws://127.0.0.1:8000/graphql")

    refused = call("demo", **given)
    assert refused.exit_code == 2
    assert refused.stderr == (
        "This database holds workspaces already, and the demo is loaded into an empty one only: set TRAILCAST_DATA_DIR or "
        "TRAILCAST_DATABASE_URL to another, or add events to a loaded demo with --live.\n"
    )
    with interrupted_when(lambda: count_events(given["TRAILCAST_DATABASE_URL"]) > EVENTS):
        alive = call("demo", "--live", **given)
    assert (alive.exit_code, alive.stderr) == (0, "Adding an event every second or so; Ctrl-C ends it\n")
    assert handed_out(tmp_path / "data") == handout
