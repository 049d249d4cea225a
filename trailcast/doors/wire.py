"""uvicorn's websocket, with the three things that a live feed needs of it and ASGI does not offer.

A message is written at once where the peer keeps up (`write`), without a task and a wait for each of a thousand readers. Whether it
keeps up can be seen (`is_writable`) and waited for. And a peer that takes nothing, or answers no ping, is closed with 4410: uvicorn
itself would say 1011, which clients of graphql-transport-ws take for fatal, where coming back with a cursor is what they should do.

An application finds it in the scope, as an extension (`wire_of`). Of uvicorn's class are used: `conn`, `transport`, `queue`,
`writable`, `close_sent`, `close_timer`, `read_paused`, `frames`, `curr_msg_data_type`, and the hooks that are overridden here; tests
would show a change of them.
"""

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from trailcast.doors.headers import SEALED

GIVEN_UP = 4410
GIVEN_UP_CLOSE_S = 0.5  # for the kernel to take the close frame, which a peer that wakes up then reads
# Of one message. The library bounds a message in bytes, and a part that is empty has none.
FRAGMENTS_MAX = 1024
MESSAGE_TOO_BIG, NOT_UTF8 = 1009, 1007
_EXTENSION = "trailcast.wire"
# At INFO uvicorn writes the address of each socket with its query, where clients do put tokens; at DEBUG the library writes all
# that is sent. Neither is to be had, however a program sets its levels.
_UPSTREAM = logging.getLogger("uvicorn.error.sockets")
_UPSTREAM.setLevel(logging.WARNING)


class Handshake(ServerProtocol):
    """The library's, but an answer that opens no socket has the headers of every answer."""

    def send_response(self, response: Response) -> None:
        if response.status_code != 101:  # noqa: PLR2004 - switching protocols
            for name, value in SEALED:
                response.headers[name.decode()] = value.decode()
        super().send_response(response)


class SocketProtocol(WebSocketsSansIOProtocol):
    """One connection. It may take nothing for `stall_s`; `on_given_up` hears that it was closed for that, or for a lost pong."""

    stall_s = 10.0
    on_given_up: Callable[[], None] | None = None
    _stalling: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.logger = _UPSTREAM
        self.conn = Handshake(max_size=self.config.ws_max_size, logger=_UPSTREAM)

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

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= FRAGMENTS_MAX:
            self.frames = []
            self.end(MESSAGE_TOO_BIG, f"A message may come in {FRAGMENTS_MAX} parts")
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            # Upstream finds it too, and logs it with a traceback as if it were the server's fault.
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.end(NOT_UTF8, "A text message must be UTF-8")
                return
        super().send_receive_event_to_app()

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
