"""Loading the demo: once, whole or not at all, and as a service would write it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from trailcast.clock import utc_now
from trailcast.demo import live
from trailcast.demo.handout import Address, DemoWorkspace, Handout, read, write
from trailcast.demo.live import keep_adding
from trailcast.demo.loading import load_demo
from trailcast.errors import ConfigurationError
from trailcast.ledger.database import driver_url
from trailcast.settings import Settings

EVENTS = 2290 + 5 + 2259 + 5  # two stories, and in each five people who got access


@pytest.fixture
def demo_settings(empty_database_url: str) -> Settings:
    return Settings(database_url=empty_database_url, port=0)


async def fetch(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(driver_url(url))
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def load(settings: Settings, kept: list[DemoWorkspace]) -> bool:
    assert settings.database_url is not None
    return await load_demo(settings.database_url, settings, kept.extend, lambda _line: None)


async def test_history_is_dense_in_order_and_not_in_the_future(
    demo_settings: Settings, empty_database_url: str
) -> None:
    kept: list[DemoWorkspace] = []
    began = utc_now()
    assert await load(demo_settings, kept)
    rows = await fetch(
        empty_database_url, "SELECT workspace_id, sequence, created_at, occurred_at FROM events ORDER BY 1, 2"
    )
    assert len(rows) == EVENTS
    for workspace in kept:
        mine = [row[1:] for row in rows if row[0] == workspace.id]
        assert [row[0] for row in mine] == list(range(1, len(mine) + 1))
        times: list[datetime] = [row[1] for row in mine]  # type: ignore[misc]
        assert times == sorted(times) == [row[2] for row in mine]
        assert began - timedelta(days=30) < times[0] < times[-1] <= utc_now()
    opening = "SELECT DISTINCT event_type FROM events WHERE sequence <= 6 ORDER BY 1"
    assert await fetch(empty_database_url, opening) == [("workspace.created",), ("workspace.member_added",)]
    heads = """
        SELECT h.last_sequence = count(*) AND h.last_created_at = max(e.created_at)
        FROM heads h JOIN events e USING (workspace_id) GROUP BY h.workspace_id
    """
    assert await fetch(empty_database_url, heads) == [(True,), (True,)]
    secrets = "SELECT count(*) FROM events WHERE metadata::text || changes::text LIKE '%redacted%'"
    assert await fetch(empty_database_url, secrets) == [(0,)]


async def test_of_two_loads_at_once_one_loads(demo_settings: Settings, empty_database_url: str) -> None:
    kept: list[DemoWorkspace] = []
    assert sorted(await asyncio.gather(load(demo_settings, kept), load(demo_settings, kept))) == [False, True]
    assert await fetch(empty_database_url, "SELECT count(*) FROM workspaces") == [(2,)]
    assert len(kept) == 2


async def test_load_whose_tokens_cannot_be_kept_leaves_an_empty_database(
    demo_settings: Settings, empty_database_url: str
) -> None:
    def lose(_workspaces: Sequence[DemoWorkspace]) -> None:
        raise ConfigurationError("The disk is full: make room.")

    with pytest.raises(ConfigurationError, match="disk is full"):
        await load_demo(empty_database_url, demo_settings, lose, lambda _line: None)
    tables = (
        "SELECT (SELECT count(*) FROM workspaces), (SELECT count(*) FROM events), (SELECT count(*) FROM credentials)"
    )
    assert await fetch(empty_database_url, tables) == [(0, 0, 0)]


async def test_live_events_go_to_every_workspace_and_ring(
    demo_settings: Settings, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK_EVERY_S", 0)
    kept: list[DemoWorkspace] = []
    await load(demo_settings, kept)
    loaded_at = utc_now()
    handout = Handout(http="", ws="", workspaces=tuple(kept))
    listener = await asyncpg.connect(driver_url(empty_database_url))
    rung: set[str] = set()
    await listener.add_listener(
        "trailcast", lambda *heard: rung.update(line.split()[1] for line in heard[3].split("\n"))
    )
    async with asyncio.timeout(20):
        await keep_adding(empty_database_url, demo_settings, handout, lambda: len(rung) == 2)
    await listener.close()
    assert rung == {str(workspace.id) for workspace in kept}
    added = f"SELECT workspace_id, count(*) > 0 FROM events WHERE created_at > '{loaded_at}' GROUP BY 1"
    assert sorted(await fetch(empty_database_url, added)) == sorted((workspace.id, True) for workspace in kept)


def test_handout_is_read_as_it_was_written_by_its_owner_alone(tmp_path: Path) -> None:
    handout = Handout(http="http://127.0.0.1:1/graphql", ws="ws://127.0.0.1:1/graphql", workspaces=())
    assert read(tmp_path / "data") is None
    for _ in range(2):
        write(tmp_path / "data", handout)
    assert read(tmp_path / "data") == handout
    assert [(path.name, path.stat().st_mode & 0o777) for path in (tmp_path / "data").iterdir()] == [
        ("demo.json", 0o600)
    ]
    assert Address.model_validate(handout.model_dump(include={"http", "ws"})).ws == handout.ws


@pytest.mark.parametrize("content", ["", "{}", "[1]"])
def test_handout_that_is_something_else_is_not_overwritten_in_silence(tmp_path: Path, content: str) -> None:
    (tmp_path / "demo.json").write_text(content)
    with pytest.raises(
        ConfigurationError, match=r"demo\.json cannot be read \(ValidationError\): mend it, or move it away\."
    ):
        read(tmp_path)


def test_handout_that_cannot_be_written_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    handout = Handout(http="", ws="", workspaces=())
    with pytest.raises(ConfigurationError, match="or choose another TRAILCAST_DATA_DIR"):
        write(tmp_path / "file" / "data", handout)
