"""uvicorn's websocket, with the three things that a live feed needs of it and ASGI does not offer.

A message is written at once where the peer keeps up (`write`), without a task and a wait for each of a thousand readers. Whether it
keeps up can be seen (`is_writable`) and waited for. And a peer that takes nothing, or answers no ping, is closed with 4410: uvicorn
itself would say 1011, which clients of graphql-transport-ws take for fatal, where coming back with a cursor is what they should do.

An application finds it in the scope, as an extension (`wire_of`). Of uvicorn's class are used: `conn`, `transport`, `queue`,
`writable`, `close_sent`, `close_timer`, `read_paused`, and the hooks that are overridden here; tests would show a change of them.
"""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.http11 import Request

GIVEN_UP = 4410
GIVEN_UP_CLOSE_S = 0.5  # for the kernel to take the close frame, which a peer that wakes up then reads
_EXTENSION = "trailcast.wire"


class SocketProtocol(WebSocketsSansIOProtocol):
    """One connection. It may take nothing for `stall_s`; `on_given_up` hears that it was closed for that, or for a lost pong."""

    stall_s = 10.0
    on_given_up: Callable[[], None] | None = None
    _stalling: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether a message can still be sent."""
        return self.handshake_complete and not self.close_sent and not self.disconnected

    @property
    def is_writable(self) -> bool:
        """Whether the peer keeps up."""
        return self.writable.is_set() and self.is_open

    @property
    def is_flushed(self) -> bool:
        """Whether the kernel has taken all that was written."""
        return not self.is_open or self.transport.get_write_buffer_size() == 0

    async def until_writable(self) -> None:
        """Return when the peer keeps up, or is gone."""
        await self.writable.wait()

    def write(self, text: bytes) -> None:
        """Send a text message, in UTF-8. To a peer that is gone, nothing."""
        if self.is_open:
            try:
                self.conn.send_text(text)
            except InvalidState:
                return  # the peer has begun to close
            self.transport.write(b"".join(self.conn.data_to_send()))

    def end(self, code: int, reason: str) -> None:
        """Close, now: behind what was written, before anything else. The application hears that it is disconnected."""
        if not self.is_open or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        try:
            self.conn.send_close(code, reason)
        except InvalidState:
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def end_handshake(self) -> None:
        """The request was answered with something else than a socket. uvicorn does not note that, and would log it as an error."""
        self.handshake_complete = True

    # -- uvicorn's hooks

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:  # noqa: PLR2004 - switching protocols
            extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment]
            extensions[_EXTENSION] = self

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalling = self.loop.call_later(self.stall_s, self._give_up, "Too slow: nothing was taken for too long")

    def resume_writing(self) -> None:
        self._stop_stalling()
        super().resume_writing()

    def keepalive_timeout(self) -> None:
        self.pong_timer = None
        self._give_up("No answer to a ping")

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_stalling()
        super().connection_lost(exc)

    def _give_up(self, reason: str) -> None:
        if self.is_open and self.on_given_up is not None:
            self.on_given_up()
        self.end(GIVEN_UP, reason)
        if self.close_timer is not None:
            # It will not answer the close frame either, and what waits for it here would be kept until the kernel gives up.
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(GIVEN_UP_CLOSE_S, self.transport.abort)
        # Whoever waits for the peer to take something waits no longer.
        self.writable.set()

    def _stop_stalling(self) -> None:
        if self._stalling is not None:
            self._stalling.cancel()
            self._stalling = None


def wire_of(scope: MutableMapping[str, Any]) -> SocketProtocol:
    """The connection behind a websocket's ASGI scope. Raises TypeError under another server."""
    wire = scope.get("extensions", {}).get(_EXTENSION)
    if not isinstance(wire, SocketProtocol):
        raise TypeError("Sockets need the server of trailcast.serving: start it with `python -m trailcast serve`.")
    return wire
