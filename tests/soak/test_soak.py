"""The short form of the soak: everything at once that may happen to a feed, and nothing lost, repeated or out of order."""

from pathlib import Path

import pytest

from tests.soak.checking import check
from tests.soak.harness import soak
from tests.soak.history import History, read_history
from tests.soak.plan import SHORT
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
