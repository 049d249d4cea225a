"""The one place where errors are turned outward: every error of an answer gets a code and the id of its request, and the
unexpected loses its text.

What Trailcast raises keeps its sentence and code. What is wrong with a request or its document keeps its sentence under
one of five codes, but for the names of the schema that graphql-core offers in place of wrong ones. Everything else is logged under
the request's id, and the client gets the id and nothing more. The id is ours: what a client sends never stands in the log.
"""

import logging
import re
from collections.abc import Iterable
from contextvars import ContextVar
from itertools import islice
from math import ceil
from secrets import token_hex

from graphql import GraphQLError, GraphQLSyntaxError

from trailcast.errors import BadUserInput, RateLimited, TrailcastError

logger = logging.getLogger(__name__)

INTERNAL = "INTERNAL"
BAD_REQUEST = "BAD_REQUEST"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
TOO_COMPLEX = "DOCUMENT_TOO_COMPLEX"
PERSISTED_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
PERSISTED_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
BAD_USER_INPUT = BadUserInput.code

ERRORS_MAX = 5  # of one answer: the first few say what is wrong, and hundreds more would only be work
MESSAGE_LENGTH_MAX = 500  # of what graphql-core says, which repeats names and values however long they are

_OF_VALUE = re.compile(
    r"(?:Variable '\$(?P<name>\w+)' has invalid value(?: at (?P<steps>[\w.\[\]]+))?: "
    r"|Argument '(?P<argument>\w+)' has invalid value: |Too many errors processing variables)"
)
_STEP = re.compile(r"\[(\d+)\]|(\w+)")

# The id of the request, or of the socket's operation, that the code at hand works for. The doors set it. Work that is done for
# several (a delivery, a group of writes) may have been begun by any one of them: what is said there says its id itself.
current_request: ContextVar[str] = ContextVar("current_request")


def new_request_id() -> str:
    """An id that was never given out."""
    return token_hex(16)


def translate(error: GraphQLError, request_id: str | None = None) -> GraphQLError:
    """The error as a client may see it; one that was translated before stays as it is."""
    extensions = error.extensions or {}
    if "requestId" in extensions:
        return error
    request_id = request_id or current_request.get(None) or new_request_id()
    message, outward = _said_of(error, request_id)
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={**outward, "requestId": request_id},
    )


def _said_of(error: GraphQLError, request_id: str) -> tuple[str, dict[str, object]]:
    """The sentence and the extensions with which the error goes out."""
    if error.original_error is None and "code" in (error.extensions or {}):
        return error.message, dict(error.extensions or {})
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, TrailcastError):
        extensions: dict[str, object] = {"code": cause.code}
        if isinstance(cause, BadUserInput) and cause.path:
            extensions["path"] = list(cause.path)
        if isinstance(cause, RateLimited):
            extensions["retryAfterMs"] = ceil(cause.retry_after_s * 1000)
        return cause.message, extensions
    if cause is None or isinstance(cause, GraphQLError):
        known = _of_document(error, cause)
        if known is not None:
            return _plain(error.message), known
    logger.error("request %s: an unexpected error was masked", request_id, exc_info=cause or error)
    return "Something went wrong on our side; quote the requestId when you report it.", {"code": INTERNAL}


def translate_all(errors: Iterable[GraphQLError], request_id: str | None = None) -> list[GraphQLError]:
    """Those errors as a client may see them, as many as it may see."""
    return [translate(error, request_id) for error in islice(errors, ERRORS_MAX)]


def translated(error: Exception, request_id: str | None = None) -> GraphQLError:
    """What a client may see of an exception that no resolver raised."""
    if isinstance(error, GraphQLError):
        # What is said of documents was caught where they are read and run: one that comes from elsewhere is as unexpected as any.
        unexpected = RuntimeError("an error of GraphQL outside of a document")
        unexpected.__cause__ = error
        error = unexpected
    return translate(GraphQLError("", original_error=error), request_id)


def _of_document(error: GraphQLError, cause: GraphQLError | None) -> dict[str, object] | None:
    """The extensions of what graphql-core says of a document or its variables; None for what it says of our own answers."""
    # A variable that does not fit is the caller's value, not its document. That and its place are told by the sentence alone.
    value = _OF_VALUE.match(error.message)
    if value is not None:
        steps = [int(index) if index else name for index, name in _STEP.findall(value["steps"] or "")]
        name = value["name"] or value["argument"]
        return {"code": BAD_USER_INPUT, **({"path": [name, *steps]} if name else {})}
    for known in (error, cause):
        if known is not None and known.extensions and "code" in known.extensions:
            return {"code": str(known.extensions["code"])}
    if isinstance(error, GraphQLSyntaxError):
        return {"code": PARSE_FAILED}
    # Beyond validation, and no value of the caller's: what a field gave does not fit its type, which is a defect.
    return {"code": VALIDATION_FAILED} if error.path is None else None


def _plain(message: str) -> str:
    """What graphql-core says, without guesses and without what it found, as Python spells it: the first would give away names where
    introspection is closed, the second would repeat secrets to whoever keeps errors."""
    said, cut, _ = message.partition(" Did you mean ")[0].partition(", found: ")
    said = said.replace("not to be None", "not to be null") + ("." if cut else "")
    return said if len(said) <= MESSAGE_LENGTH_MAX else f"{said[:MESSAGE_LENGTH_MAX]}…"


def request_error(message: str) -> GraphQLError:
    """What is wrong with a request as a whole, before anything of it is executed."""
    return GraphQLError(message, extensions={"code": BAD_REQUEST})
