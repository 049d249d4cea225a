"""How the two servers for comparison are run: uvicorn with the options that cost or save time set as the product sets them.

Written out here and not taken from the product, so that whatever the product does to its own sockets stays out of them.
Says where it serves in the same words as the product, in one line on standard output.
"""

from typing import Any

import uvicorn

BACKLOG = 2048
PING_S = 15
KEEP_ALIVE_S = 3600  # the publisher's connection waits while thousands of others are opened


def serve(app: Any) -> None:
    """Serve on a free port of the loopback until a signal comes."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        ws="websockets-sansio",
        ws_ping_interval=PING_S,
        ws_per_message_deflate=False,
    )
    listener = config.bind_socket()
    listener.listen(BACKLOG)
    print(f"Serving http://127.0.0.1:{listener.getsockname()[1]}/graphql", flush=True)
    uvicorn.Server(config).run(sockets=[listener])
