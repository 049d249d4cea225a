"""GraphQL over sockets, by the protocol graphql-transport-ws: who is let in, close codes, and how operations are run.

A message that is not one closes the socket with 4400; a bad document errors its own operation and leaves the others alive. A
socket does not outlive its credential. A running subscription has no task: it is an object that the hub hands events to.
Source of the protocol: PROTOCOL.md of the npm package graphql-ws.
"""

import asyncio
import logging
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from strawberry.http import process_result
from strawberry.types.execution import PreExecutionError

from resolvers.context import Caller, ClientAddress
from schema.build import Schema
from schema.errors import current_request, new_request_id, request_error, translate_all, translated
from schema.execution.following import Recipe, Refused, begin, ending
from trailcast.access.principal import Principal
from trailcast.doors import messages
from trailcast.doors.asked import Bad, Persisted
from trailcast.doors.origins import Origins
from trailcast.doors.services import Services
from trailcast.doors.wire import GIVEN_UP, SocketProtocol, wire_of
from trailcast.errors import LimitExceeded, RateLimited, Unauthenticated, Unavailable
from trailcast.live.audiences import Delivery
from trailcast.live.subscription import Subscription

logger = logging.getLogger(__name__)

SUBPROTOCOL = "graphql-transport-ws"
TRY_AGAIN_LATER, SERVICE_RESTART = 1013, 1012
LEAVING = "The server leaves: come back with your cursor"
LIFETIME_SPREAD = 0.1  # of a lifetime: sockets that came in one moment, after a restart, need not go in one
CLOSED_PER_TURN_MAX = 200  # sockets, before the event loop gets its turn
FLUSH_LOOK_S = 0.02
CLOSE_REASON_BYTES_MAX = 123  # of a close frame


class Sockets:
    """The ASGI application for websockets: all sockets of one process."""

    def __init__(self, schema: Schema, services: Services, persisted: Persisted) -> None:
        self.schema = schema
        self.services = services
        self.persisted = persisted
        self._origins = Origins(services.settings)
        self._open: set[Socket] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        headers = Headers(scope=scope)
        if self.services.lifecycle.is_leaving:
            await send({"type": "websocket.http.response.start", "status": 503, "headers": [(b"retry-after", b"1")]})
            await send({"type": "websocket.http.response.body", "body": LEAVING.encode()})
            wire_of(scope).end_handshake()
            return
        if not self._origins.is_welcome(headers):
            await send({"type": "websocket.close"})
            return
        wire = wire_of(scope)
        ours = SUBPROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if ours else None})
        if not ours:
            wire.end(4406, "Subprotocol not acceptable")
            return
        socket = Socket(self, wire, self.services.client_address(scope, headers))
        # For as long as the socket lives, these would be kept for nothing.
        scope["headers"] = []
        del headers
        self._open.add(socket)
        self.services.counters.sockets += 1
        try:
            await socket.run(receive)
        finally:
            self._open.discard(socket)
            self.services.counters.sockets -= 1

    async def leave(self, deadline: float) -> None:
        """Close every socket with 1012 as soon as it has got what was on its way to it; at the deadline, in the loop's time, all."""
        loop = asyncio.get_running_loop()
        waiting = set(self._open)
        while waiting:
            late = loop.time() >= deadline
            for number, socket in enumerate(list(waiting), start=1):
                if late or socket.is_flushed:
                    socket.close(SERVICE_RESTART, LEAVING)
                    waiting.discard(socket)
                if number % CLOSED_PER_TURN_MAX == 0:
                    await asyncio.sleep(0)
            waiting &= self._open
            if waiting:
                await asyncio.sleep(FLUSH_LOOK_S)


class Socket:
    """One socket, from its acceptance to its end."""

    __slots__ = (
        "_client", "_door", "_expires_at", "_expiry", "_introduced", "_operations", "_principal", "_timer", "caller", "wire",
    )  # fmt: skip

    def __init__(self, door: Sockets, wire: SocketProtocol, client: ClientAddress) -> None:
        self._door = door
        self._client = client
        self._introduced = False
        self._operations: dict[str, Operation] = {}
        self._principal: Principal | None = None
        settings = door.services.settings
        self._timer = asyncio.get_running_loop().call_later(
            settings.socket_init_s, self.close, 4408, "Connection initialisation timeout"
        )
        self._expires_at: datetime | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self.caller: Caller | None = None
        self.wire = wire
        wire.stall_s = settings.socket_stall_s
        wire.on_given_up = self._count_given_up

    @property
    def is_flushed(self) -> bool:
        """Whether nothing is on its way to the client."""
        return self.wire.is_flushed and all(operation.is_flushed for operation in self._operations.values())

    async def run(self, receive: Receive) -> None:
        """Deal with messages until the socket is gone."""
        try:
            while (event := await receive())["type"] != "websocket.disconnect":
                # One that asks and does not read the answers is asked for patience: what waits for it here stays bounded.
                await self.wire.until_writable()
                if self.wire.is_open:
                    await self._deal_with(event.get("text"))
        except Exception as error:  # noqa: BLE001 - whatever it is, a socket does not end without a word
            translated(error)  # which logs it
            self.close(4500, "Internal server error")
        finally:
            self._timer.cancel()
            if self._expiry is not None:
                self._expiry.cancel()
            for operation in list(self._operations.values()):
                operation.cancel()
            if self._principal is not None:
                self._door.services.admission.exit(self._principal)

    def close(self, code: int, reason: str) -> None:
        """End the socket. What was written before arrives before."""
        self.wire.end(code, reason.encode()[:CLOSE_REASON_BYTES_MAX].decode(errors="ignore"))

    def forget(self, operation_id: str) -> None:
        """The operation is over; its id is free."""
        self._operations.pop(operation_id, None)

    async def _deal_with(self, text: str | None) -> None:
        if text is None:
            self.close(4400, "WebSocket message type must be text")
            return
        try:
            message = orjson.loads(text)
        except ValueError:
            self.close(4400, "WebSocket message must be valid JSON")
            return
        problem = messages.find_malformation(message)
        if problem is not None:
            self.close(4400, problem)
            return
        match message["type"]:
            case "connection_init":
                await self._introduce(message.get("payload", {}))
            case "ping":
                self.wire.write(messages.PONG)
            case "subscribe":
                self._subscribe(message["id"], message["payload"])
            case "complete":
                operation = self._operations.pop(message["id"], None)
                if operation is not None:
                    operation.cancel()

    async def _introduce(self, payload: dict[str, object]) -> None:
        """Let the socket in by the payload of its `connection_init`."""
        if self._introduced:
            self.close(4429, "Too many initialisation requests")
            return
        self._introduced = True
        self._timer.cancel()
        services = self._door.services
        try:
            async with asyncio.timeout(services.settings.socket_init_s):
                signed_in = await services.authenticator.authenticate(payload, self._client)
        except Unauthenticated:
            self.close(4403, "Forbidden")
            return
        except RateLimited as error:
            self.close(TRY_AGAIN_LATER, f"{error.code}: {error.message}")
            return
        except (Unavailable, TimeoutError):
            # Not 4403, which says that the credential is at fault and that coming back is no use.
            self.close(TRY_AGAIN_LATER, Unavailable().message)
            return
        if signed_in is None:
            self.close(4403, "Forbidden")
            return
        credentials, principal = signed_in
        if not services.admission.enter(principal):
            self.close(TRY_AGAIN_LATER, f"LIMIT_EXCEEDED: {services.admission.refusal}")
            return
        self._principal = principal
        # One socket speaks in one workspace: not in the next one, should the membership that it came by end.
        here = replace(credentials, workspace_id=principal.workspace.id)
        self.caller = Caller(services.principals, here, memo=False, heard=self._live_until)
        lifetime_s = services.settings.socket_lifetime_s * (1 - LIFETIME_SPREAD * random.random())  # noqa: S311 - spreads load
        self._timer = asyncio.get_running_loop().call_later(
            lifetime_s, self.close, GIVEN_UP, "This socket is old: open another"
        )
        self._live_until(principal)
        self.wire.write(messages.ACKNOWLEDGED)

    def _live_until(self, principal: Principal) -> None:
        """Have the socket end with its credential, whose expiry may have moved since it was last heard of."""
        if principal.expires_at == self._expires_at or not self.wire.is_open:
            return
        self._expires_at = principal.expires_at
        if self._expiry is not None:
            self._expiry.cancel()
        if principal.expires_at is not None:
            left_s = max(principal.expires_at - self._door.services.clock(), timedelta(0)).total_seconds()
            self._expiry = asyncio.get_running_loop().call_later(left_s, self.close, 4403, "Forbidden")

    def _subscribe(self, operation_id: str, payload: dict[str, Any]) -> None:
        if self.caller is None:
            self.close(4401, "Unauthorized")
            return
        if operation_id in self._operations:
            self.close(4409, f"Subscriber for {operation_id} already exists")
            return
        if self._door.services.lifecycle.is_leaving:
            self.close(SERVICE_RESTART, LEAVING)
            return
        most = self._door.services.settings.subscriptions_per_socket_max
        if len(self._operations) >= most:
            error = LimitExceeded(f"A socket may run {most} operations at once: end one, or open another socket.")
            self.wire.write(messages.refusal(operation_id, [translated(error)]))
            return
        self._operations[operation_id] = operation = Operation(self, operation_id)
        operation.begin(payload)

    async def execute(self, payload: dict[str, Any]) -> tuple[Recipe, Subscription] | dict[str, object]:
        """A subscription that stands, or the answer of a query or a mutation. Raises Refused, RateLimited, Unavailable."""
        assert self.caller is not None
        variables, name = payload.get("variables"), payload.get("operationName")
        services = self._door.services
        allowance = services.allowances.of(self._principal, self._client.ip_address)
        allowance.begin()
        context = services.context(self.caller, self._client, allowance.spend)
        try:
            text = self._door.persisted.find(payload.get("query"), payload.get("extensions"))
            document = self._door.schema.documents.read(text or "")
            operation = document.find_operation(name)
        except Bad as bad:
            raise Refused(translate_all([request_error(bad.message)])) from None
        except GraphQLError as error:
            raise Refused(translate_all([error])) from None
        try:
            with services.deadlines.within():
                if operation.is_subscription:
                    return await begin(self._door.schema, document, operation, variables, context)
                with allowance:
                    result = await self._door.schema.execute(
                        text, variables, context_value=context, operation_name=name
                    )
        except TimeoutError:
            raise services.given_up() from None
        if isinstance(result, PreExecutionError):
            raise Refused(translate_all(result.errors or []))
        return dict(process_result(result))

    def _count_given_up(self) -> None:
        self._door.services.counters.sockets_stalled += 1


class Operation:
    """One operation of a socket. Of a subscription, the sink."""

    __slots__ = ("_head", "_id", "_recipe", "_request_id", "_socket", "_subscription", "_task")

    def __init__(self, socket: Socket, operation_id: str) -> None:
        self._socket = socket
        self._id = operation_id
        self._request_id = new_request_id()
        self._head = messages.next_head(operation_id)
        self._recipe: Recipe | None = None
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, payload: dict[str, Any]) -> None:
        self._task = asyncio.create_task(self._run(payload), name="trailcast-operation")

    def cancel(self) -> None:
        """End it without a word; the client is gone, or has said that it wants no more."""
        if self._task is not None:
            self._task.cancel()
        if self._subscription is not None:
            self._subscription.close()

    @property
    def is_flushed(self) -> bool:
        """Whether nothing is on its way: the answer is sent, or what there was to follow was handed over."""
        return self._task is None and self._subscription is not None and self._subscription.is_live

    # -- the sink

    @property
    def is_ready(self) -> bool:
        return self._socket.wire.is_writable

    async def until_ready(self) -> None:
        await self._socket.wire.until_writable()

    def put(self, delivery: Delivery) -> None:
        assert self._recipe is not None
        self._socket.wire.write(b"%b%b}" % (self._head, self._recipe.answer(delivery)))

    def end(self, error: Exception) -> None:
        self._finish(b"%b%b}" % (self._head, ending(error, self._request_id)), messages.complete(self._id))
        if self._subscription is not None:
            self._subscription.close()

    async def _run(self, payload: dict[str, Any]) -> None:
        current_request.set(self._request_id)
        try:
            made = await self._socket.execute(payload)
        except Refused as refused:
            self._finish(messages.refusal(self._id, refused.errors))
        except Exception as error:  # noqa: BLE001 - whatever it is, this operation ends with it and no other
            self._finish(messages.refusal(self._id, [translated(error)]))
        else:
            # Without an await since the subscription was made: a cancellation cannot come between and leave it open.
            if isinstance(made, tuple):
                self._recipe, self._subscription = made
                self._subscription.attach(self)
            else:
                answer = orjson.dumps(made)
                self._finish(b"%b%b}" % (self._head, answer), messages.complete(self._id))
        finally:
            self._task = None

    def _finish(self, *last: bytes) -> None:
        self._socket.forget(self._id)
        for message in last:
            self._socket.wire.write(message)
