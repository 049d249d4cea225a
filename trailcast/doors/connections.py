"""uvicorn's HTTP connection, with the bounds that it lacks on a peer that keeps it waiting.

A connection that brings no whole head of a request in time is closed: a new one, one that is kept alive, one that sends a byte now
and then. So is one whose request was answered before its body was all there. A head that is too large is 431. While an answer is
made, its own time limit holds, which is also that of reading the body (`trailcast.doors.graphql`).

Of uvicorn's class are used: `cycle`, `transport`, `loop`, `app_state` and the hooks overridden here; tests would show a change.
"""

from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from trailcast.doors.headers import SEALED
from trailcast.settings import Settings

SETTINGS = "settings"  # under which the application's lifespan hands them out


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        settings: Settings = self.app_state[SETTINGS]
        self._timeout_s = settings.request_timeout_s
        self._head_bytes_max = settings.request_head_bytes_max
        self._head_bytes = 0
        self._is_in_head = False
        self._deadline: TimerHandle | None = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, as everything is answered."""
        self._refuse(400, msg)

    # -- uvicorn's hooks

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self._head_bytes_max:
                self._refuse(431, f"The head of a request may have {self._head_bytes_max} bytes.")
        # Else an answer is being made, or what came is the rest of a body that nobody reads any more.
        if self._deadline is None and (self._is_in_head or self.cycle is None or self.cycle.response_complete):
            self._expect()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._head_bytes = 0
        if self._deadline is not None:
            self._expect_no_more()
        super().on_headers_complete()

    def _expect(self) -> None:
        """Wait for the peer, so long and no longer."""
        # What became a socket has another protocol, and bounds of its own.
        if not self.transport.is_closing() and self.transport.get_protocol() is self:
            self._deadline = self.loop.call_later(self._timeout_s, self.transport.close)

    def _expect_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int, message: str) -> None:
        if self.transport.is_closing():
            return
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(message)),
            (b"connection", b"close"),
            *SEALED,
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[status], lines, message.encode("ascii")))
        self.transport.close()
