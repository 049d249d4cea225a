"""GraphQL over HTTP: context, authentication, time, status, media types. Sockets have a door of their own (`trailcast.doors.sockets`).

A credential that is presented is looked up before anything is parsed: a bad one is 401. Without one a document runs, and
whatever needs a principal fails with UNAUTHENTICATED, so that only introspection passes.
"""

from math import ceil
from typing import Any

import orjson
from cross_web import HTTPException, StarletteRequestAdapter
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types import ExecutionResult

from resolvers.context import Caller, Context
from schema.build import Schema
from schema.errors import current_request, new_request_id, request_error, translate, translated
from trailcast.doors.headers import policy_of
from trailcast.doors.media import RESPONSE_MEDIA, is_json, json_text, negotiate
from trailcast.doors.origins import Origins
from trailcast.doors.services import Services
from trailcast.doors.streams import EventStreams, is_asked_for
from trailcast.errors import LimitExceeded, RateLimited, TrailcastError, Unauthenticated, Unavailable

EXPLAINING_HEADERS = {
    401: {"www-authenticate": "Bearer"},
    405: {"allow": "GET, POST"},
    408: {"connection": "close"},
    503: {"retry-after": "1"},
}
REQUEST_ID = "x-request-id"
STATUS = {Unauthenticated.code: 401, LimitExceeded.code: 429, RateLimited.code: 429, Unavailable.code: 503}


class RequestAdapter(StarletteRequestAdapter):
    """A request whose media type is compared as HTTP says: in any case."""

    @property
    def content_type(self) -> str | None:
        return (super().content_type or "").lower()


class GraphQLDoor(GraphQL[Context, None]):
    """The ASGI application behind `/graphql`."""

    request_adapter_class = RequestAdapter

    def __init__(self, schema: Schema, services: Services) -> None:
        settings = services.settings
        super().__init__(
            schema,
            graphql_ide="graphiql" if settings.explorer else None,
            allow_queries_via_get=settings.queries_by_get,
            subscription_protocols=(),
        )
        self._services = services
        self._origins = Origins(settings)
        self._page = self.graphql_ide_html
        self._page_headers = {"content-security-policy": policy_of(self._page)}
        self.streams = EventStreams(schema, services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        current_request.set(new_request_id())
        settings = self._services.settings
        body = Body(receive, settings.request_bytes_max)
        request = Request(scope, body.receive)
        try:
            with self._services.deadlines.within():
                response = await self._respond(request)
        except ClientDisconnect:
            return  # it went before it had sent all of its request
        except HTTPException as error:
            # GraphQL over HTTP wants this status where a method does not do what the document asks for.
            status = 405 if isinstance(error.__cause__, InvalidOperationTypeError) else error.status_code
            response = self._refusal(request, request_error(error.reason), status)
        except TimeoutError:
            if body.is_awaited:
                message = f"The body of a request has to be there within {settings.request_timeout_s:g} s."
                response = self._refusal(request, request_error(message), 408)
            else:
                response = self._refusal(request, translated(self._services.given_up()), 503)
        except TrailcastError as error:
            response = self._refusal(request, translated(error), STATUS.get(error.code, 400))
        except (RecursionError, UnicodeDecodeError):
            response = self._refusal(request, request_error("The body is not JSON that can be read."), 400)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer, and not a word of it
            response = self._refusal(request, translated(error), 500)
        response.headers[REQUEST_ID] = current_request.get()
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        """The answer, within the bounds of its caller. Raises HTTPException, TrailcastError."""
        if not self._origins.is_welcome(request.headers):
            raise HTTPException(403, "This page may not call: its origin is not one of TRAILCAST_ALLOWED_ORIGINS.")
        if request.method == "POST" and not is_json(request.headers.get("content-type", "")):
            raise HTTPException(415, "A request has the content type application/json, in UTF-8.")
        context = await self.get_context(request, Response())
        with request.state.allowance:
            if is_asked_for(request.headers.get("accept", "")):
                return await self._stream(request, context)
            return await self.run(request, context)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        """The context of one request, which counts from here on. Raises RateLimited, and Unauthenticated for a credential that
        does not count."""
        client = self._services.client_address(request.scope, request.headers)
        signed_in = await self._services.authenticator.recognize(request.headers, client)
        credentials, principal = signed_in or (None, None)
        caller = Caller(self._services.principals, credentials, memo=True, principal=principal)
        request.state.allowance = allowance = self._services.allowances.of(principal, client.ip_address)
        allowance.begin()
        return self._services.context(caller, client, allowance.spend)

    async def render_graphql_ide(self, request: Request) -> Response:  # noqa: ARG002
        return HTMLResponse(self._page, headers=self._page_headers)

    async def _stream(self, request: Request, context: Context) -> Response:
        """The answer as events. Raises HTTPException, Refused, TrailcastError."""
        if self._services.lifecycle.is_leaving:
            raise Unavailable
        adapter = self.request_adapter_class(request)
        if not self.is_request_allowed(adapter):
            raise HTTPException(405, "GraphQL only supports GET and POST requests.")
        asked = await self.parse_http_body(adapter)
        if isinstance(asked, list) or asked.query is None:
            raise HTTPException(400, "Send one operation, with a query.")
        if request.method == "GET" and not self.streams.begins_subscription(asked.query, asked.operation_name):
            raise HTTPException(405, "By GET only subscriptions are streamed: use POST.")
        context.resume_after = request.headers.get("last-event-id")
        return await self.streams.respond(asked.query, asked.variables, asked.operation_name, context)

    def parse_json(self, data: str | bytes) -> Any:
        body = super().parse_json(data)
        if not isinstance(body, dict | list):
            raise HTTPException(400, "The body must be a JSON object with a query.")
        return body

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        # Text, because bytes would make binary frames of a socket's messages.
        return json_text(data)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        # Those of a document that could not be parsed come here without having passed the schema's own translation.
        result.errors = [translate(error) for error in result.errors] if result.errors else None
        answer = await super().process_result(request, result)
        if result.errors and result.data is None and not any(error.path for error in result.errors):
            # Nothing was executed, so by the specification there is no `data` at all.
            answer.pop("data", None)
            request.state.not_executed = True
        codes = {str((error.extensions or {}).get("code")) for error in result.errors or ()}
        if result.data is None or not any(result.data.values()):
            request.state.status = next((STATUS[code] for code in codes if code in STATUS), None)
        return answer

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        response = await super().get_sub_response(request)
        response.request = request  # type: ignore[attr-defined]
        return response

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        request: Request = sub_response.request  # type: ignore[attr-defined]
        media = negotiate(request.headers.get("accept", ""))
        status = getattr(request.state, "status", None)
        if status is None and media == RESPONSE_MEDIA and getattr(request.state, "not_executed", False):
            status = 400
        return _json(response_data, status or 200, media)

    def _refusal(self, request: Request, error: GraphQLError, status: int) -> Response:
        body = {"errors": [translate(error).formatted]}
        return _json(body, status, negotiate(request.headers.get("accept", "")))


def _json(body: Any, status: int, media: str) -> Response:
    headers = dict(EXPLAINING_HEADERS.get(status, {}))
    wait_ms = body["errors"][0]["extensions"].get("retryAfterMs") if status == STATUS[RateLimited.code] else None
    if wait_ms is not None:
        headers["retry-after"] = str(ceil(wait_ms / 1000))
    return Response(orjson.dumps(body), status, headers, media_type=f"{media}; charset=utf-8")


class Body:
    """The body of a request, until it is too large. `is_awaited` while the client has to send more."""

    def __init__(self, receive: Receive, bytes_max: int) -> None:
        self._receive = receive
        self._bytes_max = bytes_max
        self._bytes = 0
        self.is_awaited = False

    async def receive(self) -> Message:
        """The next message of it."""
        self.is_awaited = True
        message = await self._receive()
        self.is_awaited = False
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._bytes_max:
            raise HTTPException(413, f"A request may have {self._bytes_max} bytes.")
        return message
