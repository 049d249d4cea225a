"""GraphQL over HTTP: context, authentication, time, what is asked and how it is answered. Sockets have a door of their own
(`trailcast.doors.sockets`).

A credential that is presented is looked up before anything is parsed: a bad one is 401. Without one a document runs, and
whatever needs a principal fails with UNAUTHENTICATED, so that only introspection passes.
"""

from typing import Any

from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from resolvers.context import Caller, Context
from schema.build import Schema
from schema.errors import current_request, new_request_id, request_error, translated
from trailcast.doors.answers import STATUS, answer, refusal
from trailcast.doors.asked import Asked, Bad, Body, Persisted, read_address, read_asked, read_json
from trailcast.doors.media import is_json
from trailcast.doors.origins import Origins
from trailcast.doors.pages import Pages
from trailcast.doors.services import Services
from trailcast.doors.streams import EventStreams, is_asked_for
from trailcast.errors import TrailcastError, Unavailable

REQUEST_ID = "x-request-id"
_REQUEST_ID = REQUEST_ID.encode()
POSTED = frozenset(OperationType)  # what a subscription needs instead is said where it is run


class GraphQLDoor:
    """The ASGI application behind `/graphql`."""

    def __init__(self, schema: Schema, services: Services, persisted: Persisted) -> None:
        settings = services.settings
        self._schema = schema
        self._services = services
        self._persisted = persisted
        self._origins = Origins(settings)
        self._got = frozenset({OperationType.QUERY} if settings.queries_by_get else ())
        self._pages = Pages(settings)
        self.streams = EventStreams(schema, services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_request_id()
        current_request.set(request_id)
        body = Body(receive, self._services.settings.request_bytes_max)
        request = Request(scope, body.receive)
        try:
            with self._services.deadlines.within():
                response = await self._respond(request, body)
        except ClientDisconnect:
            return  # it went before it had sent all of its request
        except Bad as bad:
            response = _refused(request, request_error(bad.message), bad.status)
        except TimeoutError:
            if body.is_awaited:
                message = (
                    f"The body of a request has to be there within {self._services.settings.request_timeout_s:g} s."
                )
                response = _refused(request, request_error(message), 408)
            else:
                response = _refused(request, translated(self._services.given_up()), 503)
        except TrailcastError as error:
            response = _refused(request, translated(error), STATUS.get(error.code, 400))
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer, and not a word of it
            response = _refused(request, translated(error), 500)
        response.raw_headers.append((_REQUEST_ID, request_id.encode()))
        await response(scope, receive, send)

    async def _respond(self, request: Request, body: Body) -> Response:
        """The answer, within the bounds of its caller. Raises Bad, TrailcastError."""
        headers = request.headers
        given = dict(headers.raw)  # looked into often: starlette's go through all lines each time
        if b"origin" in given and not self._origins.is_welcome(headers):
            raise Bad(403, "This page may not call: its origin is not one of TRAILCAST_ALLOWED_ORIGINS.")
        is_post = request.method == "POST"
        if is_post and not is_json(given.get(b"content-type", b"").decode("latin-1")):
            raise Bad(415, "A request has the content type application/json, in UTF-8.")
        client = self._services.client_address(request.scope, headers)
        signed_in = await self._services.authenticator.recognize(headers, client)
        credentials, principal = signed_in or (None, None)
        caller = Caller(self._services.principals, credentials, memo=True, principal=principal)
        allowance = self._services.allowances.of(principal, client.ip_address)
        allowance.begin()
        context = self._services.context(caller, client, allowance.spend)
        with allowance:
            accept = given.get(b"accept", b"").decode("latin-1")
            if not is_post and request.method != "GET":
                raise Bad(405, "GraphQL only supports GET and POST requests.")
            is_stream = is_asked_for(accept)
            if not is_post and not is_stream and _is_for_page(request, accept):
                return await self._pages.explorer(request)
            if not is_post:
                return await self._act(request, read_address(request), context, accept)
            content = await body.read()
            async with self._services.turns.of(len(content)):
                return await self._act(request, read_json(content), context, accept)

    async def _act(self, request: Request, given: Any, context: Context, accept: str) -> Response:
        """What the request asks for is done. Raises Bad, Refused, TrailcastError."""
        try:
            asked = read_asked(given, self._persisted)
        except GraphQLError as error:
            return refusal(error, 200, accept)  # as clients of persisted queries expect
        if is_asked_for(accept):
            return await self._stream(request, asked, context)
        return await self._answer(request, asked, context, accept)

    async def _answer(self, request: Request, asked: Asked, context: Context, accept: str) -> Response:
        """The answer to a query or a mutation. Raises Bad."""
        try:
            result = await self._schema.execute(
                asked.query, asked.variables, context, operation_name=asked.operation_name,
                allowed_operation_types=POSTED if request.method == "POST" else self._got,
            )  # fmt: skip
        except MissingQueryError as error:
            raise Bad(400, "No GraphQL query found in the request: send one.") from error
        except CannotGetOperationTypeError as error:
            raise Bad(400, error.as_http_error_reason()) from error
        except InvalidOperationTypeError as error:
            # GraphQL over HTTP wants this status where a method does not do what the document asks for.
            raise Bad(405, error.as_http_error_reason(request.method)) from error
        return answer(result, accept)

    async def _stream(self, request: Request, asked: Asked, context: Context) -> Response:
        """The answer as events. Raises Bad, Refused, TrailcastError."""
        if self._services.lifecycle.is_leaving:
            raise Unavailable
        if asked.query is None:
            raise Bad(400, "Send one operation, with a query.")
        if request.method == "GET" and not self.streams.begins_subscription(asked.query, asked.operation_name):
            raise Bad(405, "By GET only subscriptions are streamed: use POST.")
        context.resume_after = request.headers.get("last-event-id")
        return await self.streams.respond(asked.query, asked.variables, asked.operation_name, context)


def _is_for_page(request: Request, accept: str) -> bool:
    return request.query_params.get("query") is None and ("text/html" in accept or "*/*" in accept)


def _refused(request: Request, error: GraphQLError, status: int) -> Response:
    return refusal(error, status, request.headers.get("accept", ""))
