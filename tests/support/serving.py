"""A server in the test's own process and loop, on a real port: real HTTP, real sockets, and its parts within reach."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette

from tests.support.waiting import until
from trailcast.asgi import create_app
from trailcast.clock import Clock, Monotonic, utc_now
from trailcast.doors.services import Services
from trailcast.ledger.database import Database
from trailcast.serving import Server, tune, uvicorn_config
from trailcast.settings import Settings

PATIENCE_S = 30
# Of a server under test. Who calls is looked up for every request, so that a test need not wait for what it changed; no statement
# comes by itself while statements are counted; all tests call from one address, and many fail to sign in. It is patient, since
# all tests together can keep a connection or a statement waiting for seconds. What these do has tests of its own.
UNDER_TEST: dict[str, Any] = {
    "port": 0, "tick_ms": 200, "sign_in_failures_max": 1_000_000, "sign_in_cache_ms": 0, "rollup_tick_s": 3600,
    "pool_timeout_ms": PATIENCE_S * 1000, "statement_timeout_ms": PATIENCE_S * 1000, "socket_init_s": PATIENCE_S,
}  # fmt: skip


class _Server(Server):
    """uvicorn without its signal handlers, which belong to pytest here."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    def stop(self) -> None:
        self.should_exit = True
        self._told.set()

    async def main_loop(self) -> None:
        # Upstream looks ten times a second whether it should stop; a suite of hundreds of servers feels that.
        await self.on_tick(0)
        await self._told.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@dataclass(frozen=True)
class RunningServer:
    """Where it listens, and what it is made of."""

    port: int
    app: Starlette

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    @property
    def database(self) -> Database:
        return self.services.database


@asynccontextmanager
async def running_server(
    settings: Settings, clock: Clock = utc_now, monotonic: Monotonic = time.monotonic
) -> AsyncGenerator[RunningServer]:
    app = create_app(settings, clock, monotonic)
    server = _Server(uvicorn_config(app, settings))
    listener = socket.create_server((settings.host, settings.port), backlog=2048)
    tune(listener, settings)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started or serving.done())
    if serving.done():
        await serving
    port = listener.getsockname()[1]
    try:
        yield RunningServer(port, app)
    finally:
        server.stop()
        await serving
