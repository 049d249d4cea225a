"""One PostgreSQL server process: started so that it cannot outlive its owner, ended in PostgreSQL's order of severity.

The kernel's promise to signal a child when its parent dies is tied to the *thread* that started the child, not to the
process: a server started from a worker thread would be shut down as soon as that thread ends. Hence a thread of its
own, which starts the server and then only waits for it. It ends when the server has ended, or with the whole process.
"""

import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from trailcast.errors import ConfigurationError

# SIGINT: disconnect everybody, write a checkpoint, end. SIGQUIT: end at once and recover at the next start. SIGKILL:
# for one that no longer listens; its children notice and end by themselves. None of them loses what was committed.
STOP_STEPS_SECONDS = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))


class ServerProcess:
    """A server that runs. It and all its children inherit `lock`, which is thus held until the last one is gone."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], log: int, lock: int) -> None:
        self._started: Future[subprocess.Popen[bytes]] = Future()
        self._ended = threading.Event()
        threading.Thread(
            target=self._keep, args=(command, environment, log, lock), name="embedded-postgres", daemon=True
        ).start()
        self._process = self._started.result()

    def _keep(self, command: Sequence[str], environment: Mapping[str, str], log: int, lock: int) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd="/",
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C in the terminal reaches the owner alone, who then stops us in order
            )
        except OSError as error:
            self._started.set_exception(error)
            return
        self._started.set_result(process)
        process.wait()
        self._ended.set()

    def has_ended(self, timeout_seconds: float) -> bool:
        return self._ended.wait(timeout_seconds)

    def stop(self) -> None:
        for step, patience_seconds in STOP_STEPS_SECONDS:
            self._process.send_signal(step)
            if self._ended.wait(patience_seconds):
                return
        raise ConfigurationError(
            f"PostgreSQL (process {self._process.pid}) does not end even when killed: check that its disk answers."
        )
