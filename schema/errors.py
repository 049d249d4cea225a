"""The one place where errors are turned outward: every error of an answer gets a code, and the unexpected loses its text.

What Trailcast raises keeps its sentence and code. What is wrong with a request or its document keeps its sentence under
one of five codes, but for the names of the schema that graphql-core offers in place of wrong ones. Everything else is logged with
an id, and the client gets the id and nothing more.
"""

import logging
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from uuid import uuid4

from graphql import ExecutionResult as CoreResult
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.extensions import SchemaExtension
from strawberry.types.execution import ExecutionResult, StreamExecutionResult

from trailcast.errors import BadUserInput, TrailcastError

logger = logging.getLogger(__name__)

INTERNAL = "INTERNAL"
BAD_REQUEST = "BAD_REQUEST"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
TOO_COMPLEX = "DOCUMENT_TOO_COMPLEX"
BAD_USER_INPUT = BadUserInput.code

ERRORS_MAX = 5  # of one answer: the first few say what is wrong, and hundreds more would only be work
MESSAGE_LENGTH_MAX = 500  # of what graphql-core says, which repeats names and values however long they are


def translate(error: GraphQLError) -> GraphQLError:
    """The error as a client may see it; one that was translated before stays as it is."""
    if error.original_error is None and "code" in (error.extensions or {}):
        return error
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, TrailcastError):
        extensions: dict[str, object] = {"code": cause.code}
        if isinstance(cause, BadUserInput) and cause.path:
            extensions["path"] = list(cause.path)
        return _located(error, cause.message, extensions)
    if cause is None or isinstance(cause, GraphQLError):
        return _located(error, _plain(error.message), {"code": _document_code(error, cause)})
    error_id = uuid4().hex
    logger.error("error %s: an unexpected error was masked", error_id, exc_info=cause)
    message = "Something went wrong on our side; quote the id when you report it."
    return _located(error, message, {"code": INTERNAL, "id": error_id})


def translate_all(errors: Iterable[GraphQLError]) -> list[GraphQLError]:
    """Those errors as a client may see them, as many as it may see."""
    return [translate(error) for error in islice(errors, ERRORS_MAX)]


def translated(error: Exception) -> GraphQLError:
    """What a client may see of an exception that no resolver raised."""
    return translate(GraphQLError(str(error), original_error=error))


def _document_code(error: GraphQLError, cause: GraphQLError | None) -> str:
    for known in (error, cause):
        if known is not None and known.extensions and "code" in known.extensions:
            return str(known.extensions["code"])
    if isinstance(error, GraphQLSyntaxError):
        return PARSE_FAILED
    # A variable that does not fit is the caller's value, not its document.
    return BAD_USER_INPUT if error.message.startswith("Variable ") and cause is not None else VALIDATION_FAILED


def _plain(message: str) -> str:
    """What graphql-core says, without guesses: they would give away names where introspection is closed."""
    said = message.partition(" Did you mean ")[0]
    return said if len(said) <= MESSAGE_LENGTH_MAX else f"{said[:MESSAGE_LENGTH_MAX]}…"


def _located(error: GraphQLError, message: str, extensions: dict[str, object]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )


def request_error(message: str) -> GraphQLError:
    """What is wrong with a request as a whole, before anything of it is executed."""
    return GraphQLError(message, extensions={"code": BAD_REQUEST})


class TranslateErrors(SchemaExtension):
    """Every result passes here before it is sent, those of a stream one by one."""

    def __init__(self) -> None:
        self._streamed = False

    async def on_operation(self) -> AsyncIterator[None]:
        self._streamed = False
        yield
        if not self._streamed:
            self._translate(self.execution_context.result)

    async def on_stream_result(self, result: StreamExecutionResult) -> AsyncIterator[None]:
        self._streamed = True
        self._translate(result)
        yield

    @staticmethod
    def _translate(result: object) -> None:
        if isinstance(result, CoreResult | ExecutionResult) and result.errors:
            result.errors = translate_all(result.errors)
