"""The directory of the Unix socket: the only way to the server, and open to its owner alone.

It cannot lie in the data directory, whose path may be longer than a socket's may be and whose file system may know no
sockets. So it lies in the temporary directory, where others can write: one that is already there must be a directory,
and ours.
"""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from trailcast.embedded.account import Account
from trailcast.errors import ConfigurationError

PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
PATH_BYTES_MAX = 103  # on macOS; 107 on Linux


def make_socket_directory(data_dir: Path, account: Account | None) -> Path:
    """Return an empty directory of mode 0700, the same for the same data directory, to be made under its lock."""
    directory = choose_path(data_dir)
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    uid, gid = (os.geteuid(), -1) if account is None else (account.uid, account.gid)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {os.geteuid(), uid}:
        raise ConfigurationError(
            f"{directory} belongs to somebody else: remove it, or set TMPDIR to a directory of your own."
        )
    os.chown(directory, uid, gid)
    directory.chmod(0o700)
    # Left behind by a crash, they may name a process that lives by now, and PostgreSQL would refuse to start.
    for leftover in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        (directory / leftover).unlink(missing_ok=True)
    return directory


def choose_path(data_dir: Path) -> Path:
    name = f"trailcast-{os.geteuid()}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    path = Path(tempfile.gettempdir()).resolve() / name
    if len(os.fsencode(path / SOCKET_NAME)) <= PATH_BYTES_MAX:
        return path
    return Path("/tmp").resolve() / name  # noqa: S108 - whose it is will be checked
