"""Serving: the port is taken first, then uvicorn runs on it in this process or in several, until somebody says stop.

The port listens before anything slow is done, so that a taken one is told at once, and no caller is refused by a server
that is about to be ready. A stop, by Ctrl-C or SIGTERM, is a success; everything that was opened is closed in order.
"""

import errno
import multiprocessing
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType
from typing import TYPE_CHECKING

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from trailcast import serving
from trailcast.cli.logs import configure_logging
from trailcast.cli.stopping import SIGNALS, stop_if_asked
from trailcast.demo.handout import Address
from trailcast.embedded.launcher import die_with
from trailcast.errors import ConfigurationError
from trailcast.live.counters import Counters
from trailcast.live.listener import make_bells
from trailcast.serving import tune, uvicorn_config
from trailcast.settings import PREFIX, Settings, load_settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

BACKLOG = 2048
APPLICATION = f"{__name__}:application"


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The port, taken. Raises ConfigurationError."""
    where = (settings.host, settings.port)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server(where, family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sentence = f"Port {settings.port} of {settings.host} is taken by another program: stop that, or choose another with PORT=…"
        else:
            sentence = f"Nothing can listen on {settings.host}, port {settings.port} ({error}): choose others with HOST=… and PORT=…"
        raise ConfigurationError(f"{sentence}, for instance PORT=8001; PORT=0 takes a free one.") from error
    with listener:
        tune(listener, settings)
        yield listener


def endpoint(settings: Settings, port: int) -> Address:
    """The addresses of the GraphQL endpoint for a client on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - nothing is bound here
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Address(http=f"http://{where}/graphql", ws=f"ws://{where}/graphql")


class Server(serving.Server):
    """Stops in order however often it is asked to; that takes `timeout_graceful_shutdown` at most."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler
        self._captured_signals.append(sig)
        self.should_exit = True


class Supervisor(Multiprocess):
    """Starts its workers with SIGINT held back, which Ctrl-C sends to the whole group: a worker is stopped by its supervisor alone."""

    def init_processes(self) -> None:
        resource_tracker.ensure_running()  # else it starts with the first worker, and lets SIGINT through again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().init_processes()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def serve(settings: Settings, listener: socket.socket, url: str, workers: int) -> None:
    """Serve until a signal comes. Raises ConfigurationError, and SystemExit where the application does not start."""
    # Nothing is connected yet: a URL that no bell understands is refused here in one sentence, not by each worker in a traceback.
    make_bells(settings.broadcast_url, url, Counters())
    os.environ[f"{PREFIX}DATABASE_URL"] = url  # how workers learn which PostgreSQL was started for them
    config = uvicorn_config(APPLICATION, settings, workers=workers)
    # Signals are theirs before the last look at what came until then, so that none is lost in between.
    if workers == 1:
        server = Server(config)
        for number in SIGNALS:
            signal.signal(number, server.handle_exit)
        stop_if_asked()
        server.run(sockets=[listener])
        return
    supervisor = Supervisor(config, sockets=[listener])
    stop_if_asked()
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(STARTUP_FAILURE)


def application() -> "Starlette":
    """What uvicorn serves, made and imported only in the process that serves it: a supervisor can do without, a taken port too."""
    from trailcast.asgi import create_app

    settings = load_settings()
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        configure_logging(settings)
        # The same for a worker that replaces a dead one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # A worker whose supervisor was killed would hold the port, and nobody would be left to stop it.
        assert supervisor.pid is not None
        die_with(supervisor.pid, signal.SIGTERM)
    return create_app(settings)
