"""Bytes on a socket: frames that no client sends by mistake, and messages of any shape. It ends with a close frame, or lives on.

The frames are written by hand onto a TCP connection, because a library for clients would not send them. Whatever is sent, nothing
above INFO is logged, and a socket beside it goes on.
"""

import asyncio
import base64
import json
import logging
import os
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.fuzz.drawing import draw
from tests.live.sockets import FOLLOW, say, until_waiting
from tests.support.clients import RECEIVE_TIMEOUT_S, SUBPROTOCOL, Client, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.doors import messages
from trailcast.doors.wire import FRAGMENTS_MAX
from trailcast.settings import Settings

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN, COMPRESSED, RESERVED = 0x80, 0x40, 0x30
TOO_LARGE, NOT_UTF8, PROTOCOL_ERROR = 1009, 1007, 1002
MALFORMED = 4400
MESSAGES = 300
# What a server may end a socket with: codes of the two protocols, and none of "something failed".
CODES = {1000, PROTOCOL_ERROR, NOT_UTF8, TOO_LARGE, MALFORMED, 4401, 4403, 4408, 4409, 4429}


def frame(first: int, payload: bytes = b"", *, masked: bool = True, declared: int | None = None) -> bytes:
    """A frame as it is said to be: `first` holds the flags and the opcode, `declared` a length that may not be the payload's."""
    length, mask = len(payload) if declared is None else declared, 0x80 if masked else 0
    if length < 126:
        head = struct.pack("!BB", first, mask | length)
    elif length < 2**16:
        head = struct.pack("!BBH", first, mask | 126, length)
    else:
        head = struct.pack("!BBQ", first, mask | 127, length)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))


def text(message: object) -> bytes:
    return frame(FIN | TEXT, json.dumps(message).encode())


class Raw:
    """A socket, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def receive(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame, which the server never masks or splits."""
        async with asyncio.timeout(RECEIVE_TIMEOUT_S):
            first, length = await self._reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await self._reader.readexactly(2))
            elif length == 127:
                length = int.from_bytes(await self._reader.readexactly(8))
            return first & 0xF, await self._reader.readexactly(length)

    async def close_code(self) -> int:
        """The code of the close frame with which the server ends the socket; what comes before is passed over."""
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2])

    async def is_alive(self) -> bool:
        """Whether a ping of the protocol is still answered."""
        self.send(text({"type": "ping"}))
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                return False
            if json.loads(payload) == {"type": "pong"}:
                return True


@asynccontextmanager
async def raw_socket(server: RunningServer, token: str | None = None) -> AsyncIterator[Raw]:
    """A websocket that is open; with a token, one that was let in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
    writer.write(request.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    assert b"permessage-deflate" not in head.lower()
    socket = Raw(reader, writer)
    try:
        if token is not None:
            socket.send(text({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
            assert await socket.receive() == (TEXT, messages.ACKNOWLEDGED)
        yield socket
    finally:
        writer.close()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    # So that a message beyond the bound is quickly made.
    return settings.model_copy(update={"socket_message_bytes_max": 4096})


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that a client sends is worth a line."""
    with caplog.at_level(logging.INFO):
        yield
    assert [
        (record.name, record.getMessage()) for record in caplog.get_records("call") if record.levelno > logging.INFO
    ] == []


PING_TEXT = b'{"type":"ping"}'
ENDING: dict[str, tuple[bytes, int]] = {
    "a compressed message": (frame(FIN | COMPRESSED | TEXT, PING_TEXT), PROTOCOL_ERROR),
    "reserved bits": (frame(FIN | RESERVED | TEXT, PING_TEXT), PROTOCOL_ERROR),
    "a reserved opcode": (frame(FIN | 0x3, b"x"), PROTOCOL_ERROR),
    "a reserved control opcode": (frame(FIN | 0xB), PROTOCOL_ERROR),
    "a frame that is not masked": (frame(FIN | TEXT, PING_TEXT, masked=False), PROTOCOL_ERROR),
    "a continuation of nothing": (frame(FIN | CONTINUATION, PING_TEXT), PROTOCOL_ERROR),
    "a message within a message": (frame(TEXT, b'{"type":') + frame(FIN | TEXT, PING_TEXT), PROTOCOL_ERROR),
    "a ping in parts": (frame(PING, b"x"), PROTOCOL_ERROR),
    "a ping that is too long": (frame(FIN | PING, b"x" * 126), PROTOCOL_ERROR),
    "a close frame that is too long": (frame(FIN | CLOSE, b"\x03\xe8" + b"x" * 124), PROTOCOL_ERROR),
    "a close frame of one byte": (frame(FIN | CLOSE, b"\x03"), PROTOCOL_ERROR),
    "a close code that nobody may send": (frame(FIN | CLOSE, struct.pack("!H", 1005)), PROTOCOL_ERROR),
    "a close reason that is no UTF-8": (frame(FIN | CLOSE, b"\x03\xe8\xff"), NOT_UTF8),
    "a close frame": (frame(FIN | CLOSE, struct.pack("!H", 1000)), 1000),
    "text that is no UTF-8": (frame(FIN | TEXT, b"\xff\xfe"), NOT_UTF8),
    "UTF-8 that is cut": (frame(FIN | TEXT, '"é"'.encode()[:-2]), NOT_UTF8),
    "UTF-8 of a surrogate": (frame(FIN | TEXT, b'"\xed\xa0\x80"'), NOT_UTF8),
    "a length of 2^63 - 1": (frame(FIN | TEXT, declared=2**63 - 1), TOO_LARGE),
    "a length of 2^64 - 1": (frame(FIN | TEXT, declared=2**64 - 1), TOO_LARGE),
    "a binary message": (frame(FIN | BINARY, PING_TEXT), MALFORMED),
    "an empty message": (frame(FIN | TEXT), MALFORMED),
    "a message beyond the bound": (frame(FIN | TEXT, b'"' + b"x" * 5000 + b'"'), TOO_LARGE),
    "parts beyond the bound": (frame(TEXT, b'"' + b"x" * 4000) + frame(FIN | CONTINUATION, b"x" * 4000), TOO_LARGE),
    "more parts than any client makes": (frame(TEXT, b" ") + frame(CONTINUATION) * (FRAGMENTS_MAX + 1), TOO_LARGE),
    "a part of a character": (frame(TEXT, b'"\xc3') + frame(FIN | CONTINUATION, b'"'), NOT_UTF8),
    "brackets without end": (frame(FIN | TEXT, b"[" * 4000), MALFORMED),
    "a lone surrogate": (text({"type": "\ud800"}), MALFORMED),
    "NUL": (frame(FIN | TEXT, b"\x00"), MALFORMED),
    "a byte order mark": (frame(FIN | TEXT, b"\xef\xbb\xbf" + PING_TEXT), MALFORMED),
    "a number of 4,000 digits": (frame(FIN | TEXT, b'{"type":"ping","payload":' + b"9" * 4000 + b"}"), MALFORMED),
    "a type of 4,000 characters": (text({"type": "x" * 4000}), MALFORMED),
    "an id that is none": (text({"type": "complete", "id": ""}), MALFORMED),
}
GOING_ON: dict[str, bytes] = {
    "a message in parts": frame(TEXT, b'{"type"') + frame(CONTINUATION) + frame(FIN | CONTINUATION, b':"ping"}'),
    "a character in two parts": frame(TEXT, b'{"type":"ping","payload":{"a":"\xc3')
    + frame(FIN | CONTINUATION, b'\xa9"}}'),
    "a ping between parts": frame(TEXT, b'{"type"') + frame(FIN | PING, b"x") + frame(FIN | CONTINUATION, b':"ping"}'),
    "a pong that nobody asked for": frame(FIN | PONG, b"x" * 125) + text({"type": "ping"}),
    "a key twice": frame(FIN | TEXT, b'{"type":"pong","type":"ping"}'),
    "blanks around": frame(FIN | TEXT, b" \r\n\t" + PING_TEXT + b" "),
}


async def test_bytes_that_are_no_message_end_the_socket_with_their_code(
    gql: Client, server: RunningServer, world: World
) -> None:
    token = world.token("bot")
    async with open_socket(server.ws, world.token("owner")) as beside:
        await beside.subscribe(FOLLOW)
        await until_waiting(server, 1)
        for what, (sent, code) in ENDING.items():
            for credential in (None, token):
                async with raw_socket(server, credential) as socket:
                    socket.send(sent)
                    assert await socket.close_code() == code, what
        await say(gql, world, "still here")
        assert (await beside.next())["data"]["activityLogged"]["message"] == "still here"


async def test_messages_may_come_in_parts(server: RunningServer, world: World) -> None:
    async with raw_socket(server, world.token("bot")) as socket:
        for what, sent in GOING_ON.items():
            socket.send(sent)
            while (received := await socket.receive())[0] == PONG:
                pass
            assert received == (TEXT, messages.PONG), what
            assert await socket.is_alive(), what


async def test_a_socket_that_ends_in_the_middle_of_a_frame_is_nobodys_trouble(
    server: RunningServer, world: World
) -> None:
    for sent in (
        b"\x81",
        frame(FIN | TEXT, PING_TEXT)[:-3],
        frame(TEXT, PING_TEXT),
        frame(FIN | TEXT, b"x", declared=2000),
    ):
        async with raw_socket(server, world.token("bot")) as socket:
            socket.send(sent)
    async with raw_socket(server, world.token("bot")) as socket:
        assert await socket.is_alive()


# -- messages of any shape

_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["{ viewer { role } }", "{", "subscription { activityLogged { cursor } }", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
_payloads = _values | st.fixed_dictionaries(
    {"query": _values}, optional={"variables": _values, "operationName": _values, "extensions": _values}
)
_messages = _values | st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(messages.KINDS)) | _values},
    optional={"id": st.sampled_from(["1", "2"]) | _values, "payload": _payloads},
)


async def test_a_message_of_any_shape_is_answered_or_ends_the_socket_with_its_code(
    server: RunningServer, world: World
) -> None:
    made: list[Any] = draw(_messages, MESSAGES, 1)
    ended: list[int] = []
    waiting = iter(made)
    sent, done = 0, False
    while not done:
        async with raw_socket(server, world.token("bot")) as socket:
            while (message := next(waiting, waiting)) is not waiting:
                sent += 1
                socket.send(text(message))
                code = await _code_or_pong(socket)
                if code is not None:
                    ended.append(code)
                    break
            else:
                done = True
    assert sent == len(made)
    assert set(ended) <= CODES, ended
    assert set(ended) >= {MALFORMED, 4429}
    assert 0.1 < len(ended) / sent < 0.9  # both are tried


async def _code_or_pong(socket: Raw) -> int | None:
    """The code of the end; None where the socket lives."""
    socket.send(text({"type": "ping"}))
    while True:
        opcode, payload = await socket.receive()
        if opcode == CLOSE:
            return int.from_bytes(payload[:2])
        if payload == messages.PONG:
            return None
