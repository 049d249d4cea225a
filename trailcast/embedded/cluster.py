"""The directory of the database itself: made once, complete or not at all, and looked at from outside.

A cluster gets its name only by a rename after initdb has finished, so a start that was killed half-way leaves nothing
that looks like a database. Whatever changes the directory here is for the holder of the lock only (see `server`).
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from trailcast.embedded.account import Account, command_as, environment
from trailcast.embedded.binaries import Binaries
from trailcast.embedded.socket_directory import SOCKET_NAME
from trailcast.errors import ConfigurationError

INITDB_DEADLINE_SECONDS = 300
PROBE_DEADLINE_SECONDS = 1
# The lines of postmaster.pid that are read here, counted from 0; PostgreSQL's own tools rely on their order too.
PID_LINE = 0
SOCKET_DIRECTORY_LINE = 4
STATUS_LINE = 7

INITDB_OPTIONS = (
    "--username=postgres",
    # Whoever connects is let in. The only way to connect is a socket in a directory that its owner alone can enter.
    "--auth=trust",
    "--encoding=UTF8",
    # The built-in provider sorts by code point, everywhere alike: a new C library can never corrupt an index.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--data-checksums",
    "--no-instructions",
)


class Cluster:
    """The cluster at `directory`, which may not exist yet."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def exists(self) -> bool:
        return self.directory.exists()

    def create(self, binaries: Binaries, account: Account | None, *, lock: int, durable: bool) -> None:
        unfinished = self.directory.with_name(f"{self.directory.name}.unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        if account is not None:
            os.chown(unfinished, account.uid, account.gid)
        options = [*INITDB_OPTIONS, f"--pgdata={unfinished}"]
        if not durable:
            options.append("--no-sync")
        run_initdb(command_as(account, [str(binaries.initdb), *options]), lock=lock)
        unfinished.rename(self.directory)
        if durable:
            # Otherwise a power failure could take the rename back, and with it everything that was committed since.
            parent = os.open(self.directory.parent, os.O_RDONLY)
            try:
                os.fsync(parent)
            finally:
                os.close(parent)

    def check_version(self, binaries: Binaries) -> None:
        try:
            found = (self.directory / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self.directory} is not a PostgreSQL data directory (it has no PG_VERSION): move it away, or choose "
                "another TRAILCAST_DATA_DIR."
            ) from None
        if found != str(binaries.major_version):
            raise ConfigurationError(
                f"{self.directory} was made by PostgreSQL {found}, and PostgreSQL {binaries.major_version} is "
                f"installed: serve it with a PostgreSQL {found}, dump it, move the directory away, start once and load "
                "the dump; or move it away to begin with an empty log."
            )

    def clear_leftovers(self) -> None:
        """Remove the pid file of a server that is gone.

        PostgreSQL would refuse to start over one that is half-written, or whose number another process has by now. A
        server that somebody started here by other means is respected; were it overlooked, PostgreSQL's own guard would
        still refuse: a segment of shared memory that is keyed by the directory.
        """
        pid_file = self.directory / "postmaster.pid"
        lines = read_lines(pid_file)
        if lines and lines[PID_LINE].isdigit() and is_working_in(int(lines[PID_LINE]), self.directory):
            raise ConfigurationError(
                f"A PostgreSQL that Trailcast did not start (process {lines[PID_LINE]}) uses {self.directory}: stop "
                "it, or set TRAILCAST_DATABASE_URL to its address."
            )
        pid_file.unlink(missing_ok=True)

    def ready_socket_directory(self) -> Path | None:
        """Return where a server accepts connections; None while there is none, or not yet."""
        lines = read_lines(self.directory / "postmaster.pid")
        if len(lines) <= STATUS_LINE or lines[STATUS_LINE].strip() != "ready":
            return None
        directory = Path(lines[SOCKET_DIRECTORY_LINE])
        # The file of a killed server says "ready" for ever; only a living one takes a connection.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PROBE_DEADLINE_SECONDS)
            try:
                probe.connect(str(directory / SOCKET_NAME))
            except OSError:
                return None
        return directory


def read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def run_initdb(command: Sequence[str], *, lock: int) -> None:
    try:
        subprocess.run(  # noqa: S603 - the command is ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            env=environment(),
            cwd="/",
            pass_fds=(lock,),
            start_new_session=True,
            timeout=INITDB_DEADLINE_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise ConfigurationError(
            "The database could not be created: check the free space and the permissions of TRAILCAST_DATA_DIR. "
            f"initdb said:\n{error.stdout.strip()}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ConfigurationError(
            f"The database was not created within {INITDB_DEADLINE_SECONDS} s: check that the disk of "
            "TRAILCAST_DATA_DIR is healthy and not overloaded, and start again."
        ) from error


def is_working_in(pid: int, directory: Path) -> bool:
    """Say whether that process lives and works in `directory`, as a server does; no, where the system does not tell."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(directory)
    except OSError:
        return False
