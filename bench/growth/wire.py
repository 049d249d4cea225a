"""One request at a time, for what has to be looked at: the bytes of a request, and an answer decoded."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from bench.fanout.errors import Failed
from bench.fanout.http1 import LENGTH


def post(path: str, body: Mapping[str, Any], token: str) -> bytes:
    """A whole request as it goes over the wire."""
    text = orjson.dumps(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


async def answer_to(port: int, request: bytes) -> Any:
    """The decoded body. Raises Failed for anything that is not a good answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
    finally:
        writer.close()
    if not head.startswith(b"HTTP/1.1 200 "):
        raise Failed(f"the server answered {head.splitlines()[0]!r}: {body[:500]!r}")
    answer = orjson.loads(body)
    if isinstance(answer, dict) and answer.get("errors"):
        raise Failed(f"the server answered with errors: {answer['errors']}")
    return answer
