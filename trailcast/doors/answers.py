"""How an answer is put: its status, its media type, its bytes. GraphQL over HTTP.

In the media type of GraphQL's own, what was not executed is 400; in plain JSON it is 200, as older clients expect. What our errors
stand for beside that (who calls, how much, whether the database is there) has its status in both.
"""

from math import ceil
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types import ExecutionResult

from schema.errors import translate
from trailcast.doors.media import RESPONSE_MEDIA, negotiate
from trailcast.errors import LimitExceeded, RateLimited, Unauthenticated, Unavailable

STATUS = {Unauthenticated.code: 401, LimitExceeded.code: 429, RateLimited.code: 429, Unavailable.code: 503}
EXPLAINING_HEADERS = {
    401: {"www-authenticate": "Bearer"},
    405: {"allow": "GET, POST"},
    408: {"connection": "close"},
    503: {"retry-after": "1"},
}
_CONTENT_TYPES = {media: f"{media}; charset=utf-8".encode() for media in (RESPONSE_MEDIA, "application/json")}


class Answer(Response):
    """Bytes of JSON, with few headers: a tenth of the time of a response that could be anything."""

    def __init__(self, body: bytes, status: int, media: str) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [(b"content-type", _CONTENT_TYPES[media]), (b"content-length", b"%d" % len(body))]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def answer(result: ExecutionResult, accept: str) -> Response:
    """What came of an operation."""
    media = negotiate(accept)
    if not result.errors:
        return Answer(orjson.dumps({"data": result.data}), 200, media)
    # Those of a document that could not be parsed come here without having passed the schema's own translation.
    errors = [translate(error) for error in result.errors]
    body: dict[str, Any] = {"data": result.data, "errors": [error.formatted for error in errors]}
    status = 200
    if result.data is None and not any(error.path for error in errors):
        # Nothing was executed, so by the specification there is no `data` at all.
        del body["data"]
        status = 400 if media == RESPONSE_MEDIA else 200
    if result.data is None or not any(result.data.values()):
        codes = [str((error.extensions or {}).get("code")) for error in errors]
        status = next((STATUS[code] for code in codes if code in STATUS), status)
    return _put(body, status, media)


def refusal(error: GraphQLError, status: int, accept: str) -> Response:
    """What is said of a request that was not run."""
    return _put({"errors": [translate(error).formatted]}, status, negotiate(accept))


def _put(body: dict[str, Any], status: int, media: str) -> Response:
    response = Answer(orjson.dumps(body), status, media)
    headers = dict(EXPLAINING_HEADERS.get(status, {}))
    wait_ms = body["errors"][0]["extensions"].get("retryAfterMs") if status == STATUS[RateLimited.code] else None
    if wait_ms is not None:
        headers["retry-after"] = str(ceil(wait_ms / 1000))
    response.raw_headers += [(name.encode(), value.encode()) for name, value in headers.items()]
    return response
