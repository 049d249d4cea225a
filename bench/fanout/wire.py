"""WebSocket frames as this client needs them: it writes short text frames, masked with zeros, and reads whole server frames.

Masking with zeros is valid and free. A server must not fragment what it is asked for here; one that does is noticed.
"""

import base64
import os

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
MASKED = 0x80
SHORT_MAX, MEDIUM, LONG = 125, 126, 127
ZERO_MASK = b"\0\0\0\0"


def handshake(port: int) -> bytes:
    """The request that opens a socket."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        "GET /graphql HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: graphql-transport-ws",
    )
    return "\r\n".join((*lines, "", "")).encode()


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A client's frame, up to 64 KiB."""
    length = len(payload)
    if length <= SHORT_MAX:
        return bytes((opcode, MASKED | length)) + ZERO_MASK + payload
    return bytes((opcode, MASKED | MEDIUM)) + length.to_bytes(2, "big") + ZERO_MASK + payload


def split(data: bytes) -> tuple[list[tuple[int, int, int]], int]:
    """The whole frames in the data as (first byte, start, end of payload), and where the rest begins."""
    frames = []
    at, end = 0, len(data)
    while end - at >= 2:
        length, start = data[at + 1], at + 2
        if length >= MEDIUM:
            start += 2 if length == MEDIUM else 8
            if end < start:
                break
            length = int.from_bytes(data[at + 2 : start], "big")
        if end - start < length:
            break
        frames.append((data[at], start, start + length))
        at = start + length
    return frames, at
