"""Start, share, stop, crash: what is running, what is kept, and what is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from trailcast.embedded import process, server
from trailcast.errors import ConfigurationError

if TYPE_CHECKING:
    from tests.embedded.conftest import Embedded, RunOwner, RunSql, ServerPids, WaitUntil


def socket_directory_of(postgres: server.EmbeddedPostgres) -> Path:
    return Path(parse_qs(urlsplit(postgres.url()).query)["host"][0])


def test_first_start_creates_and_later_starts_keep(tmp_path: Path, embedded: Embedded, run_sql: RunSql) -> None:
    fresh = tmp_path / "fresh"
    lines: list[str] = []
    with embedded(fresh, progress=lines.append) as postgres:
        run_sql(postgres.url(), "CREATE TABLE kept AS SELECT 'Zürich' AS name")
    with embedded(fresh, progress=lines.append) as postgres:
        assert run_sql(postgres.url(), "SELECT name FROM kept") == [("Zürich",)]
    assert lines == [f"Creating the database in {fresh}", *["Starting PostgreSQL 18"] * 2]


def test_server_is_durable_by_default_and_listens_on_no_port(
    tmp_path: Path, embedded: Embedded, run_sql: RunSql
) -> None:
    names = "server_encoding", "data_checksums", "fsync", "full_page_writes", "synchronous_commit", "listen_addresses"
    statement = "SELECT " + ", ".join(f"current_setting('{name}')" for name in names)
    with embedded(tmp_path / "fresh", parameters={}) as postgres:
        assert run_sql(postgres.url(), statement) == [("UTF8", "on", "on", "on", "on", "")]
        provider = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()"
        assert run_sql(postgres.url("template1"), provider) == [(b"b", "C.UTF-8")]


def test_parameters_count_but_cannot_open_a_port(embedded: Embedded, run_sql: RunSql) -> None:
    parameters = {"fsync": "off", "work_mem": "5MB", "listen_addresses": "127.0.0.1", "port": "6000"}
    with embedded(parameters=parameters) as postgres:
        names = "SELECT current_setting('work_mem'), current_setting('listen_addresses'), current_setting('port')"
        assert run_sql(postgres.url(), names) == [("5MB", "", "5432")]


def test_settings_meant_for_another_postgres_do_not_matter(
    embedded: Embedded, run_sql: RunSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6543", "PGDATA": "/nowhere", "PGOPTIONS": "-c work_mem=1"}.items():
        monkeypatch.setenv(name, value)
    with embedded() as postgres:
        monkeypatch.delenv("PGOPTIONS")  # clients are meant to obey this one
        assert run_sql(postgres.url(), "SELECT current_user::text") == [("postgres",)]


def test_url_quotes_names(embedded: Embedded, run_sql: RunSql) -> None:
    with embedded() as postgres:
        run_sql(postgres.url(), 'CREATE DATABASE "a/b c?"')
        run_sql(postgres.url(), 'CREATE ROLE "x@y" LOGIN')
        names = "SELECT current_database()::text, current_user::text"
        assert run_sql(postgres.url("a/b c?", "x@y"), names) == [("a/b c?", "x@y")]


def test_stop_ends_every_process_and_may_be_repeated(
    data_dir: Path, embedded: Embedded, server_pids: ServerPids
) -> None:
    postgres = embedded()
    postgres.start()
    postgres.start()
    sockets = socket_directory_of(postgres)
    was_owner = postgres.owner
    assert len(server_pids(data_dir)) > 1
    postgres.stop()
    assert was_owner
    assert server_pids(data_dir) == []
    assert not sockets.exists()
    assert not postgres.owner
    postgres.stop()


def test_two_starts_at_once_share_one_server(
    tmp_path: Path, run_owner: RunOwner, run_sql: RunSql, server_pids: ServerPids
) -> None:
    fresh = tmp_path / "fresh"
    processes = [run_owner(fresh), run_owner(fresh)]
    answers = [process.wait_until_ready() for process in processes]
    assert sorted(is_owner for is_owner, _ in answers) == [False, True]
    urls = {url for _, url in answers}
    assert len(urls) == 1
    url = urls.pop()
    started = run_sql(url, "SELECT pg_postmaster_start_time()")

    attached, owner = sorted(processes, key=lambda process: answers[processes.index(process)])
    attached.stop()
    assert run_sql(url, "SELECT pg_postmaster_start_time()") == started
    owner.stop()
    assert server_pids(fresh) == []


def test_attached_one_becomes_the_owner_when_it_starts_again(
    data_dir: Path, embedded: Embedded, run_owner: RunOwner, run_sql: RunSql
) -> None:
    owner = run_owner(data_dir)
    assert owner.wait_until_ready()[0]
    with embedded() as attached:
        was_owner = attached.owner
        run_sql(attached.url(), "CREATE TABLE kept AS SELECT 1 AS number")
        owner.stop()
    with attached:
        assert (was_owner, attached.owner) == (False, True)
        assert run_sql(attached.url(), "SELECT number FROM kept") == [(1,)]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_end_of_the_owner_shuts_the_server_down_cleanly(
    *,
    data_dir: Path,
    embedded: Embedded,
    run_owner: RunOwner,
    run_sql: RunSql,
    server_pids: ServerPids,
    wait_until: WaitUntil,
    ending: signal.Signals,
) -> None:
    owner = run_owner(data_dir)
    _, url = owner.wait_until_ready()
    run_sql(url, "CREATE TABLE kept AS SELECT 1 AS number")
    owner.process.send_signal(ending)
    owner.process.wait()
    wait_until(lambda: not server_pids(data_dir))
    assert (data_dir / "postgres.log").read_text().endswith("LOG:  database system is shut down\n")
    with embedded() as postgres:
        assert postgres.owner
        assert run_sql(postgres.url(), "SELECT number FROM kept") == [(1,)]
    assert "not properly shut down" not in (data_dir / "postgres.log").read_text()


def test_new_owner_waits_for_what_is_left_of_the_old_server(
    *,
    data_dir: Path,
    embedded: Embedded,
    run_owner: RunOwner,
    server_pids: ServerPids,
    wait_until: WaitUntil,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pid_file = data_dir / "postgres" / "postmaster.pid"
    owner = run_owner(data_dir)
    owner.wait_until_ready()
    lingering = next(pid for pid in server_pids(data_dir) if "checkpointer" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(lingering, signal.SIGSTOP)
    try:
        owner.process.kill()
        wait_until(lambda: "stopping" in pid_file.read_text())
        with monkeypatch.context() as patch:
            patch.setattr(server, "START_DEADLINE_SECONDS", 0.1)
            with pytest.raises(ConfigurationError, match="Another process uses"):
                embedded().start()
    finally:
        os.kill(lingering, signal.SIGCONT)
    with embedded() as postgres:
        assert postgres.owner


def test_ctrl_c_in_the_terminal_reaches_the_owner_alone(
    data_dir: Path, embedded: Embedded, server_pids: ServerPids
) -> None:
    with embedded():
        assert os.getsid(0) not in {os.getsid(pid) for pid in server_pids(data_dir)}


def test_server_outlives_the_thread_that_started_it(embedded: Embedded, run_sql: RunSql, wait_until: WaitUntil) -> None:
    postgres = embedded()
    thread = threading.Thread(target=postgres.start)
    thread.start()
    thread.join()
    # A signal for the end of this thread would have been sent by the time that the kernel has forgotten it.
    wait_until(lambda: not Path(f"/proc/self/task/{thread.native_id}").exists())
    assert run_sql(postgres.url(), "SELECT 1") == [(1,)]


def test_start_that_was_killed_half_way_leaves_no_half_database(
    tmp_path: Path, embedded: Embedded, run_owner: RunOwner, run_sql: RunSql, wait_until: WaitUntil
) -> None:
    fresh = tmp_path / "fresh"
    owner = run_owner(fresh)
    wait_until((fresh / "postgres.unfinished").exists)
    owner.process.kill()
    owner.process.wait()
    with embedded(fresh) as postgres:
        assert run_sql(postgres.url(), "SELECT 1") == [(1,)]
    assert sorted(path.name for path in fresh.iterdir()) == ["postgres", "postgres.lock", "postgres.log"]


@pytest.mark.parametrize("left", ["the whole file", "an empty file", "half a number", "the number of another process"])
def test_crashed_data_directory_recovers_what_was_committed(
    *, data_dir: Path, embedded: Embedded, run_sql: RunSql, server_pids: ServerPids, wait_until: WaitUntil, left: str
) -> None:
    postgres = embedded()
    postgres.start()
    run_sql(postgres.url(), "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    pid_file = data_dir / "postgres" / "postmaster.pid"
    asyncio.run(kill_within_a_transaction(postgres.url(), int(pid_file.read_text().split()[0]), server_pids(data_dir)))
    wait_until(lambda: not server_pids(data_dir))
    socket_lock = socket_directory_of(postgres) / ".s.PGSQL.5432.lock"
    postgres.stop()

    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=pid_file.stat().st_uid) as bystander:
        for file in (pid_file, socket_lock):
            number, others = file.read_text().split("\n", 1)
            leftovers = {
                "the whole file": f"{number}\n{others}",
                "an empty file": "",
                "half a number": number[:1],
                "the number of another process": f"{bystander.pid}\n{others}",
            }
            file.write_text(leftovers[left])
        with embedded() as postgres:
            totals = run_sql(postgres.url(), "SELECT count(*), min(number), max(number) FROM kept")
            assert totals == [(1000, 1, 1000)]
    assert "automatic recovery in progress" in (data_dir / "postgres.log").read_text()


async def kill_within_a_transaction(url: str, postmaster: int, pids: list[int]) -> None:
    """Kill the postmaster first, so that it cannot tell its children to end, and then them."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("BEGIN; DELETE FROM kept")
    for pid in sorted(pids, key=lambda pid: pid != postmaster):
        os.kill(pid, signal.SIGKILL)
    connection.terminate()


def test_server_that_no_longer_listens_is_killed_without_loss(
    data_dir: Path, embedded: Embedded, run_sql: RunSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (signal.SIGINT, 0), (signal.SIGQUIT, 0), (signal.SIGKILL, 10)
    postgres = embedded()
    postgres.start()
    run_sql(postgres.url(), "CREATE TABLE kept AS SELECT 1 AS number")
    os.kill(int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr(process, "STOP_STEPS_SECONDS", steps)
        postgres.stop()
    with embedded() as postgres:  # waits for the children that were orphaned
        assert run_sql(postgres.url(), "SELECT number FROM kept") == [(1,)]


def describe_access(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mode, status.st_uid, status.st_gid


def test_sockets_are_private_and_parents_are_left_alone(
    tmp_path: Path, embedded: Embedded, run_sql: RunSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    deep.chmod(0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))  # far too long for a socket
    parents = (deep, *deep.parents)
    before = [describe_access(path) for path in parents]

    postgres = embedded(deep / "data")
    postgres.start()
    sockets = socket_directory_of(postgres)
    assert run_sql(postgres.url(), "SELECT 1") == [(1,)]
    assert sockets.stat().st_mode & 0o7777 == 0o700
    assert len(str(sockets / ".s.PGSQL.5432")) <= 107
    assert [describe_access(path) for path in parents] == before


def test_long_log_is_turned_over_at_the_next_start(
    data_dir: Path, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, previous = data_dir / "postgres.log", data_dir / "postgres.log.1"
    with embedded():
        pass
    first_run = log.read_text()
    monkeypatch.setattr(server, "LOG_BYTES_MAX", len(first_run))
    with embedded():
        pass
    assert log.read_text().startswith(first_run)
    assert not previous.exists()
    with embedded():
        pass
    assert previous.read_text().startswith(first_run)
    assert not log.read_text().startswith(first_run)
    assert log.stat().st_mode & 0o7777 == 0o600
