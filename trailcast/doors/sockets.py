"""GraphQL over sockets, by the protocol graphql-transport-ws: message shapes, close codes, and how operations are run.

Source of the protocol: PROTOCOL.md of the npm package graphql-ws. A message that is not one closes the socket with 4400; a bad
document errors its own operation and leaves the others alive. A socket does not outlive its credential.
"""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any, cast

from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect
from strawberry import Schema
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage, SubscribeMessage

from resolvers.context import Context
from schema.errors import translate
from schema.execution.documents import find_syntax_error, is_subscription
from schema.execution.following import Refused, follow
from trailcast.doors.media import json_text
from trailcast.errors import LimitExceeded, Unavailable

TRY_AGAIN_LATER = 1013


def find_malformation(message: object) -> str | None:
    """What makes this no message of the protocol, as far as upstream does not look: the types of its parts."""
    if not isinstance(message, dict):
        return "A message must be a JSON object"
    kind = message.get("type")
    if not isinstance(kind, str):
        return "The type must be a string"
    if kind in {"subscribe", "complete"} and not (isinstance(message.get("id"), str) and message["id"]):
        return "The id must be a string that is not empty"
    if kind != "subscribe":
        return None
    payload = message.get("payload")
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        return "The payload must be an object with a query"
    if not isinstance(payload.get("variables"), dict | None) or not isinstance(
        payload.get("operationName"), str | None
    ):
        return "variables must be an object, and operationName a string"
    return None


class SocketAdapter(ASGIWebSocketAdapter):
    """A socket that also sends what is encoded already."""

    async def send_text(self, text: str) -> None:
        try:
            await self.ws.send_text(text)
        except WebSocketDisconnect as error:
            raise WebSocketDisconnected from error


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """One socket. Ends it when its credential does, and keeps one bad document from ending the others."""

    _expiry: asyncio.TimerHandle | None = None

    async def handle_message(self, message: Any) -> None:
        problem = find_malformation(message)
        if problem is not None:
            await self.handle_invalid_message(problem)
            return
        await super().handle_message(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        operations_max = self.context.settings.subscriptions_per_socket_max
        if len(self.operations) < operations_max or message["id"] in self.operations:
            await super().handle_subscribe(message)
            return
        error = LimitExceeded(f"A socket may run {operations_max} operations at once: end one, or open another socket.")
        refusal = translate(GraphQLError(error.message, original_error=error))
        await self.send_message({"id": message["id"], "type": "error", "payload": [refusal.formatted]})

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        try:
            await super().handle_connection_init(message)
        except Unavailable as error:
            # Not 4403, which says that the credential is at fault and that coming back is no use.
            await self.websocket.close(code=TRY_AGAIN_LATER, reason=error.message)
        expires_at = self.context.expires_at
        if self.connection_acknowledged and expires_at is not None and self._expiry is None:
            left = max(expires_at - self.context.clock(), timedelta(0)).total_seconds()
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(left, lambda: loop.create_task(self._close_expired()))

    async def shutdown(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        await super().shutdown()

    async def _close_expired(self) -> None:
        await self.websocket.close(code=4403, reason="Forbidden")

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """A subscription is run by `schema.execution.following`, which shares the work; anything else by strawberry."""
        syntax_error = find_syntax_error(operation.query)
        if syntax_error is not None:
            await operation.send_initial_errors([translate(syntax_error)])
            return
        if not is_subscription(operation.query, operation.operation_name):
            await super().run_operation(operation)
            return
        try:
            payloads = await follow(
                cast("Schema", self.schema),
                operation.query,
                operation.variables,
                operation.operation_name,
                self.context,
            )
        except Refused as refused:
            await operation.send_initial_errors(refused.errors)
            return
        socket = cast("SocketAdapter", self.websocket)
        head = f'{{"id":{json_text(operation.id)},"type":"next","payload":'
        async with aclosing(payloads):
            async for payload in payloads:
                await socket.send_text(f"{head}{payload}}}")
        await operation.send_operation_message({"id": operation.id, "type": "complete"})

    @staticmethod
    def _get_pre_execution_close_reason(_error: GraphQLError) -> str | None:
        # Upstream closes the socket for a syntax error, and with it every other operation on it.
        return None
