"""The life cycle of the embedded PostgreSQL: who owns it, when it is ready, where it listens, how it ends.

Invariants. A data directory has one server: whoever takes the lock on `postgres.lock` owns it, and everybody else
attaches to it. The server and its children inherit the lock, so it is free only when the last of them is gone, and its
taker may clear up whatever a crash left behind. The server ends with its owner, on kill -9 too (`launcher`, `process`).
It listens on a Unix socket only (`socket_directory`).

In the data directory: `postgres/` (the cluster), `postgres.log` and `postgres.log.1`, `postgres.lock`.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from trailcast.embedded.account import choose_account, command_as, environment
from trailcast.embedded.binaries import Binaries, find_binaries
from trailcast.embedded.cluster import Cluster
from trailcast.embedded.process import ServerProcess
from trailcast.embedded.socket_directory import PORT, make_socket_directory
from trailcast.errors import ConfigurationError

# Long, because recovery after a crash replays up to a gigabyte of write-ahead log from whatever disk there is.
START_DEADLINE_SECONDS = 180
POLL_SECONDS = 0.01
PROGRESS_EVERY_SECONDS = 5
LOG_BYTES_MAX = 8 * 1024 * 1024
LOG_LINES_SHOWN = 15
LOG_BYTES_SHOWN = 16 * 1024


def say_nothing(line: str) -> None:
    """Serve as the default of `progress`."""


class EmbeddedPostgres:
    """A PostgreSQL server on `data_dir`, owned by this process or shared with the process that owns it.

    Owner is whoever starts first. The server stops when its owner stops, for those who are attached too: they see
    their connections end, and the first of them that calls `stop` and `start` is the next owner. `parameters` are
    PostgreSQL's own (`{"shared_buffers": "256MB"}`) and count for the owner; without any, the server is fully durable.
    A server that ends by itself is not restarted; the next start recovers it.

    The methods block, and belong to one thread at a time, which need not live as long as the server.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        parameters: Mapping[str, str] | None = None,
        progress: Callable[[str], None] = say_nothing,
    ) -> None:
        self.owner = False
        self._data_dir = data_dir.resolve()
        self._parameters = dict(parameters or {})
        self._progress = progress
        self._cluster = Cluster(self._data_dir / "postgres")
        self._log = self._data_dir / "postgres.log"
        self._lock: int | None = None
        self._process: ServerProcess | None = None
        self._socket_directory: Path | None = None

    def start(self) -> None:
        """Return when connections are accepted, by a server that is started now or by one that runs already."""
        if self._socket_directory is not None:
            return
        try:
            # Others may pass through, not look: an unprivileged account has to reach the cluster inside.
            self._data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
            self._lock = os.open(self._data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
            if self._attach_unless_owner(self._lock):
                self._release_lock()
            else:
                self._serve(self._lock)
        except OSError as error:
            self.stop()
            raise ConfigurationError(
                f"The embedded PostgreSQL cannot use {self._data_dir} ({error}): mend its permissions or free space, "
                "start Trailcast as the user that owns it, or choose another TRAILCAST_DATA_DIR."
            ) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server if it is ours, and wait until it is gone; otherwise, and the second time, do nothing."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self.owner and self._socket_directory is not None:
            with contextlib.suppress(OSError):  # not empty if the server had to be killed; the next start clears it
                self._socket_directory.rmdir()
        self._socket_directory = None
        self.owner = False
        self._release_lock()

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        if self._socket_directory is None:
            raise ConfigurationError("The embedded PostgreSQL has no address before it runs: call start first.")
        host = quote(str(self._socket_directory))
        # The port is part of the socket's name; unsaid, a PGPORT meant for another server would count.
        return f"postgresql+asyncpg://{quote(user, safe='')}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _attach_unless_owner(self, lock: int) -> bool:
        """True: attached to a server that runs. False: the lock is ours, and we are to start the server.

        As long as another process is about to start or stop one, either may still come.
        """
        waiting = Waiting("The PostgreSQL that another process has started", self._progress)
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            self._socket_directory = self._cluster.ready_socket_directory()
            if self._socket_directory is not None:
                return True
            if waiting.is_over():
                raise ConfigurationError(
                    f"Another process uses {self._data_dir}, but its PostgreSQL was not ready within "
                    f"{START_DEADLINE_SECONDS} s: end the process that holds {self._data_dir / 'postgres.lock'}, and "
                    f"start again. {self._describe_log()}"
                )
            time.sleep(POLL_SECONDS)

    def _serve(self, lock: int) -> None:
        self.owner = True
        binaries = find_binaries()
        account = choose_account(self._cluster.directory, (binaries.postgres, self._data_dir))
        if not self._cluster.exists():
            self._progress(f"Creating the database in {self._data_dir}")
            self._cluster.create(binaries, account, lock=lock, durable=self._parameters.get("fsync") != "off")
        self._cluster.check_version(binaries)
        self._cluster.clear_leftovers()
        self._progress(f"Starting PostgreSQL {binaries.major_version}")
        self._socket_directory = make_socket_directory(self._data_dir, account)
        command = command_as(account, self._server_command(binaries, self._socket_directory))
        log = self._open_log()
        try:
            log_start = os.fstat(log).st_size
            self._process = ServerProcess(command, environment=environment(), log=log, lock=lock)
        finally:
            os.close(log)
        self._wait_until_ready(self._process, log_start)

    def _server_command(self, binaries: Binaries, socket_directory: Path) -> list[str]:
        chosen = [f"--{name}={value}" for name, value in self._parameters.items()]
        # The last one counts: no parameter may open a port or move the socket out of its directory.
        fixed = ["--listen_addresses=", f"--port={PORT}", f"--unix_socket_directories={socket_directory}"]
        return [str(binaries.postgres), "-D", str(self._cluster.directory), *chosen, *fixed]

    def _open_log(self) -> int:
        """Bounded by being turned over at a start: what this run writes, and what came before."""
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            self._log.replace(self._log.with_name("postgres.log.1"))
        return os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _wait_until_ready(self, process: ServerProcess, log_start: int) -> None:
        waiting = Waiting("PostgreSQL", self._progress)
        while self._cluster.ready_socket_directory() is None:
            if process.has_ended(POLL_SECONDS):
                raise ConfigurationError(f"PostgreSQL did not start. {self._describe_log(log_start)}")
            if waiting.is_over():
                raise ConfigurationError(
                    f"PostgreSQL was not ready within {START_DEADLINE_SECONDS} s and was stopped; start again to let "
                    f"it go on. {self._describe_log(log_start)}"
                )

    def _describe_log(self, start: int = 0) -> str:
        if not self._log.exists():
            return f"{self._log} does not exist yet."
        with self._log.open("rb") as log:
            log.seek(max(start, os.fstat(log.fileno()).st_size - LOG_BYTES_SHOWN))
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join([f"The last lines of {self._log}:", *lines[-LOG_LINES_SHOWN:]])

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class Waiting:
    """A deadline that tells people, while it runs, that something is still going on."""

    def __init__(self, subject: str, progress: Callable[[str], None]) -> None:
        self._subject = subject
        self._progress = progress
        self._began = time.monotonic()
        self._next_line_seconds = PROGRESS_EVERY_SECONDS

    def is_over(self) -> bool:
        waited_seconds = time.monotonic() - self._began
        if waited_seconds > self._next_line_seconds:
            self._progress(f"{self._subject} is not ready yet ({self._next_line_seconds} s)")
            self._next_line_seconds += PROGRESS_EVERY_SECONDS
        return waited_seconds > START_DEADLINE_SECONDS
