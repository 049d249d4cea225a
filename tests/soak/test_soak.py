"""The short forms of the soak: everything at once that may happen to a feed, and a server that is killed again and again."""

from pathlib import Path

import pytest

from tests.soak.checking import check
from tests.soak.harness import soak
from tests.soak.history import History, read_history
from tests.soak.plan import FEW_KILLS, SHORT
from tests.support.postgres import memory_directory


async def test_no_reader_loses_or_repeats_anything_while_servers_bells_and_the_database_die(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path / "history.jsonl"
    with memory_directory(tmp_path_factory) as directory, History(path) as history:
        await soak(SHORT, directory, history)
    assert list(check(read_history(path)).lines()) == []
    records = list(read_history(path))
    faults = [record["fault"] for record in records if record["what"] == "fault"]
    readers = {record["who"] for record in records if record["what"] == "connected"}
    assert {
        "acknowledged": history.counts["acknowledged"],
        "rolled back": history.counts["rolled back"],
        "servers killed": faults.count("server killed"),
        "databases stopped": faults.count("database stopped"),
        "readers": len(readers),
    } == {
        "acknowledged": SHORT.events,
        "rolled back": SHORT.rollbacks,
        "servers killed": SHORT.kills,
        "databases stopped": SHORT.restarts,
        "readers": SHORT.readers,
    }
    assert "bells terminated" in faults


async def test_what_writers_were_told_is_there_once_however_often_the_server_is_killed(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path / "history.jsonl"
    with memory_directory(tmp_path_factory) as directory, History(path) as history:
        await soak(FEW_KILLS, directory, history)
    assert list(check(read_history(path)).lines()) == []
    assert history.counts["acknowledged"] == FEW_KILLS.events
    assert history.counts["fault"] == FEW_KILLS.kills
    # The server died under load: writers were left without an answer, and asked again.
    unanswered = {record["who"] for record in read_history(path) if record["what"] == "unanswered"}
    assert len(unanswered) == FEW_KILLS.writers
