"""The headers of every answer, whoever gives it: nothing is stored, guessed at, framed, or told to other sites.

An answer that is no page may load nothing (`default-src 'none'`). What an answer says itself counts: a page names what it needs
(`trailcast.doors.pages`), a file that never changes may be kept.
"""

from starlette.types import Message, Send

SEALED = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


def with_headers(send: Send) -> Send:
    """The same, but what begins an answer has them."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = message.get("headers", ())
            said = {name for name, _ in own}
            message["headers"] = [*own, *(header for header in SEALED if header[0] not in said)]
        await send(message)

    return sending
