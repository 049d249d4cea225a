"""Reads one small document, over HTTP or from a file: bounded in time, in bytes and in redirects, whatever the other side does.

Over plain asyncio streams and the HTTP parser that the server has anyway, so that a bound on time is one for the whole reading and a
reading can be given up at any moment; a thread that waits for a peer cannot. One GET on a connection of its own; no proxies,
no cookies, no compression. Certificates are checked against those that the system trusts.
"""

import asyncio
import ssl
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

from httptools import HttpParserError, HttpResponseParser

from trailcast.settings import Settings
from trailcast.sign_in_checks import is_address, may_be_fetched

REDIRECTS_MAX = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHUNK_BYTES = 65_536


class Unreadable(Exception):
    """The document could not be had. The sentence names no address, which may be nobody's business."""


async def read_jwks(settings: Settings) -> bytes:
    """The document that the settings name. Raises Unreadable, OSError."""
    bytes_max = settings.jwt_jwks_bytes_max
    if is_address(settings.jwt_jwks):
        return await fetch(settings.jwt_jwks, timeout_s=settings.jwt_jwks_timeout_s, bytes_max=bytes_max)
    return await asyncio.to_thread(_read_file, Path(settings.jwt_jwks), bytes_max)


def _read_file(path: Path, bytes_max: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise _too_large(bytes_max)
    return content


async def fetch(url: str, *, timeout_s: float, bytes_max: int) -> bytes:
    """The body of a 200 answer. Raises Unreadable."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _follow(url, bytes_max)
    except TimeoutError:
        raise Unreadable(f"there was no whole answer within {timeout_s} s") from None
    except (OSError, HttpParserError, ValueError) as error:
        # ValueError: an address that is none, or a host's name.
        raise Unreadable(f"{type(error).__name__}: {error}") from None


async def _follow(url: str, bytes_max: int) -> bytes:
    for _ in range(REDIRECTS_MAX + 1):
        answer = await _get(url, bytes_max)
        if answer.status == HTTPStatus.OK:
            return bytes(answer.body)
        if answer.status not in REDIRECTS:
            raise Unreadable(f"the answer has status {answer.status}")
        target = urljoin(url, answer.location)
        # From https:// never to http://, not even on this host: the other side would choose whom to ask here.
        if not may_be_fetched(target) or (url.startswith("https:") and not target.startswith("https:")):
            raise Unreadable("it redirects to an address that keys are not taken from")
        url = target
    raise Unreadable(f"it redirects more than {REDIRECTS_MAX} times")


class _Answer:
    """What the parser finds."""

    def __init__(self) -> None:
        self.status = 0
        self.location = ""
        self.body = bytearray()
        self.is_complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"location":
            self.location = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete = True


async def _get(url: str, bytes_max: int) -> _Answer:
    parts = urlsplit(url)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if tls else 80), ssl=tls)
    try:
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        head = f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", "Accept: application/json", "Connection: close"
        writer.write("\r\n".join([*head, "", ""]).encode())
        answer, read = _Answer(), 0
        parser = HttpResponseParser(answer)
        # An answer without a length ends with its connection. One that was cut is no JSON, and is found out by that.
        while not answer.is_complete and (data := await reader.read(CHUNK_BYTES)):
            read += len(data)
            if read > bytes_max:
                raise _too_large(bytes_max)
            parser.feed_data(data)
        answer.status = parser.get_status_code()
        return answer
    finally:
        writer.transport.abort()


def _too_large(bytes_max: int) -> Unreadable:
    return Unreadable(f"it is larger than {bytes_max} bytes")
