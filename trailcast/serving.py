"""How uvicorn is run: one server and one configuration for the command line and for tests, so that both serve alike."""

import socket
from typing import Any

import uvicorn

from trailcast.doors.connections import HttpProtocol
from trailcast.doors.wire import SocketProtocol
from trailcast.settings import Settings

LEAVE = "leave"  # under which the application's lifespan hands out how it leaves
REQUESTS_END_S = 5  # longer than the longest statement may take


class Server(uvicorn.Server):
    """uvicorn's, but told to stop it first lets the application leave: afterwards nobody is cut off who could be told."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        leave = self.lifespan.state.get(LEAVE)
        if leave is not None and not self.force_exit:
            await leave()
        await super().shutdown(sockets)


def tune(listener: socket.socket, settings: Settings) -> None:
    """What every connection inherits of the socket that listens."""
    # uvloop sets this itself; asyncio only for sockets that name their protocol, which those of `socket.create_server` do not. Without
    # it, the kernel keeps the body of an answer back until the client has acknowledged the headers, which a client puts off for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A reader that takes nothing keeps this much in the kernel, beside what is queued for it here.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.socket_buffer_bytes)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # A peer that vanished, or whose program only stopped reading, answers keep-alive probes or none; pings find neither once
        # bytes are waiting. The kernel drops the connection then.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(settings.peer_timeout_s * 1000))


def uvicorn_config(app: Any, settings: Settings, *, workers: int = 1) -> uvicorn.Config:
    """The configuration of a server. `app` is an application or, for several workers, the name of its factory."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        host=settings.host,
        port=settings.port,
        workers=workers,
        # Its lines go where the program's own go, in the same format (trailcast.cli.logs); under tests, nowhere.
        log_config=None,
        access_log=False,
        server_header=False,
        # Whom `X-Forwarded-For` is believed is said in one place (trailcast.doors.proxies); uvicorn would believe this host.
        proxy_headers=False,
        http=HttpProtocol,
        ws=SocketProtocol,
        ws_max_size=settings.socket_message_bytes_max,
        ws_ping_interval=settings.socket_ping_s,
        ws_ping_timeout=settings.socket_pong_s,
        # Compression costs 37 kB a socket and saves little on short messages.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=REQUESTS_END_S,
        # In seconds. A worker answers when it has imported everything, which takes about one of CPU; of many on few cores, all
        # would otherwise be taken for dead and replaced for ever.
        timeout_worker_healthcheck=5 + workers,
    )
