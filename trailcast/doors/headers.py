"""The headers of every answer, whoever gives it: nothing is stored, guessed at, framed, or told to other sites.

An answer that is no page may load nothing (`default-src 'none'`). A page says itself what it needs, to the very file: its policy is
read off the page (`policy_of`), so that it is right for whatever version of the page is served.
"""

import re
from base64 import b64encode
from hashlib import sha256

from starlette.types import Message, Send

POLICY = b"content-security-policy"
PLAIN = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
SEALED = (*PLAIN, (POLICY, b"default-src 'none'; frame-ancestors 'none'"))

_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.DOTALL)
_STYLESHEET = re.compile(r"<link\b[^>]*\brel=\"stylesheet\"[^>]*>", re.DOTALL)
_ADDRESS = re.compile(r"\b(?:src|href)=\"(https://[^\"]+)\"")


def with_headers(send: Send) -> Send:
    """The same, but what begins an answer has them."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = message.get("headers", ())
            added = PLAIN if any(name == POLICY for name, _ in own) else SEALED
            message["headers"] = [*own, *added]
        await send(message)

    return sending


def policy_of(page: str) -> str:
    """What a page of GraphiQL needs: its scripts and stylesheets, each by its address or its hash, and this server.

    Styles are written into elements as it runs, and its fonts and icons are part of its stylesheets.
    """
    scripts = [address for attributes, _ in _SCRIPT.findall(page) for address in _ADDRESS.findall(attributes)]
    hashes = [
        f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for _, text in _SCRIPT.findall(page) if text
    ]
    styles = [address for link in _STYLESHEET.findall(page) for address in _ADDRESS.findall(link)]
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src", *scripts, *hashes]),
            " ".join(["style-src 'unsafe-inline'", *styles]),
            "font-src data:",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
