"""Where benchmarks keep their PostgreSQL."""

from pathlib import Path

import pytest

from bench.home import home


def test_one_run_at_a_time_has_a_folder(tmp_path: Path) -> None:
    with home(tmp_path / "kept") as mine:
        assert mine.is_dir()
        with pytest.raises(SystemExit, match=r"Another run is at work in .*kept: wait for it"), home(mine):
            pass
    with home(tmp_path / "kept") as again:
        assert again == mine


def test_what_nobody_keeps_is_gone_afterwards() -> None:
    with home() as mine:
        (mine / "postgres").mkdir()
    assert not mine.exists()
