"""How uvicorn is run: one configuration for the command line and for tests, so that both serve alike."""

from typing import Any

import uvicorn

from trailcast.settings import Settings


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
        ws="websockets-sansio",
        ws_max_size=settings.socket_message_bytes_max,
        ws_ping_interval=settings.socket_ping_s,
        ws_ping_timeout=settings.socket_pong_s,
        # Compression costs 37 kB a socket and saves little on short messages.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=10,
        # In seconds. A worker answers when it has imported everything, which takes about one of CPU; of many on few cores, all
        # would otherwise be taken for dead and replaced for ever.
        timeout_worker_healthcheck=5 + workers,
    )
