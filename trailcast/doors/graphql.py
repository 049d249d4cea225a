"""GraphQL over HTTP: context, authentication, status, media types. Sockets have a door of their own (`trailcast.doors.sockets`).

A credential that is presented is looked up before anything is parsed: a bad one is 401. Without one a document runs, and
whatever needs a principal fails with UNAUTHENTICATED, so that only introspection passes.
"""

from typing import Any

import orjson
from cross_web import HTTPException, StarletteRequestAdapter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from resolvers.context import Caller, Context
from schema.build import Schema
from schema.errors import translate
from trailcast.doors.credentials import read_credentials
from trailcast.doors.media import RESPONSE_MEDIA, is_json, json_text, negotiate
from trailcast.doors.services import Services, client_address
from trailcast.doors.streams import EventStreams, is_asked_for
from trailcast.errors import LimitExceeded, TrailcastError, Unauthenticated, Unavailable

EXPLAINING_HEADERS = {401: {"www-authenticate": "Bearer"}, 405: {"allow": "GET, POST"}}
STATUS = {Unauthenticated.code: 401, LimitExceeded.code: 429, Unavailable.code: 503}


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
            allow_queries_via_get=False,
            subscription_protocols=(),
        )
        self._services = services
        self.streams = EventStreams(schema, services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, _bounded(receive, self._services.settings.request_bytes_max))
        try:
            if request.method == "POST" and not is_json(request.headers.get("content-type", "")):
                raise HTTPException(415, "A request has the content type application/json, in UTF-8.")  # noqa: TRY301
            accept = request.headers.get("accept", "")
            response = await (self._stream(request) if is_asked_for(accept) else self.run(request))
        except ClientDisconnect:
            return  # it went before it had sent all of its request
        except HTTPException as error:
            response = self._refusal(request, error.reason, "BAD_REQUEST", error.status_code)
        except TrailcastError as error:
            response = self._refusal(request, error.message, error.code, STATUS.get(error.code, 400))
        except (RecursionError, UnicodeDecodeError):
            response = self._refusal(request, "The body is not JSON that can be read.", "BAD_REQUEST", 400)
        await response(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        """The context of one request. Raises Unauthenticated for a credential that does not count."""
        credentials = await read_credentials(request.headers, self._services.sign_in)
        caller = Caller(self._services.principals, credentials, memo=True)
        if credentials is not None:
            await caller.principal()
        return self._services.context(caller, client_address(request.scope, request.headers))

    async def _stream(self, request: Request) -> Response:
        """The answer as events. Raises HTTPException, Refused, TrailcastError."""
        if self._services.lifecycle.is_leaving:
            raise Unavailable
        adapter = self.request_adapter_class(request)
        if not self.is_request_allowed(adapter):
            raise HTTPException(405, "GraphQL only supports GET and POST requests.")
        context = await self.get_context(request, Response())
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

    def _refusal(self, request: Request, message: str, code: str, status: int) -> Response:
        body = {"errors": [{"message": message, "extensions": {"code": code}}]}
        return _json(body, status, negotiate(request.headers.get("accept", "")))


def _json(body: object, status: int, media: str) -> Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff", **EXPLAINING_HEADERS.get(status, {})}
    return Response(orjson.dumps(body), status, headers, media_type=f"{media}; charset=utf-8")


def _bounded(receive: Receive, bytes_max: int) -> Receive:
    """The same messages, until the body is too large."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > bytes_max:
            raise HTTPException(413, f"A request may have {bytes_max} bytes.")
        return message

    return bounded
