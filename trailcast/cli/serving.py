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
from typing import TYPE_CHECKING

from trailcast.demo.handout import Address
from trailcast.errors import ConfigurationError
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
        yield listener


def endpoint(settings: Settings, port: int) -> Address:
    """The addresses of the GraphQL endpoint for a client on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - nothing is bound here
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Address(http=f"http://{where}/graphql", ws=f"ws://{where}/graphql")


@contextmanager
def until_stopped() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, and neither is a failure."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def serve(settings: Settings, listener: socket.socket, url: str, workers: int) -> None:
    """Serve until a signal comes. Raises SystemExit where the application does not start."""
    import uvicorn
    from uvicorn.config import STARTUP_FAILURE
    from uvicorn.supervisors import Multiprocess

    from trailcast.serving import uvicorn_config

    os.environ[f"{PREFIX}DATABASE_URL"] = url  # how the workers learn which PostgreSQL was started for them
    config = uvicorn_config(APPLICATION, settings, workers=workers)
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listener])
        return
    supervisor = Multiprocess(config, sockets=[listener])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(STARTUP_FAILURE)


def application() -> "Starlette":
    """What uvicorn serves, made in the process that serves it."""
    from trailcast.asgi import create_app
    from trailcast.cli.logs import configure_logging
    from trailcast.embedded.launcher import die_with

    settings = load_settings()
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A worker whose supervisor is killed would hold the port, and nobody would be left to stop it.
        assert parent.pid is not None
        die_with(parent.pid)
        configure_logging(settings)
    return create_app(settings)
