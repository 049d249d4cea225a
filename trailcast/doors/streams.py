"""Subscriptions as server-sent events, for clients without websockets: GraphQL over SSE, in "distinct connections" mode.

Each item is `event: next` with the payload as `data` and its cursor as `id`, so that `Last-Event-ID`, which clients send when
they come back, means `after` (and counts before it). The end is `event: complete`; a stream that ends without one was cut, and goes on
from its last id. A comment line now and then keeps proxies awake. A reader that takes nothing is dropped by the kernel
(`trailcast.serving.tune`), and until then costs one event and its queue.
Source of the protocol: PROTOCOL.md of the npm package graphql-sse.
"""

import asyncio
from collections.abc import AsyncGenerator
from functools import lru_cache

import orjson
from graphql import GraphQLError
from starlette.responses import Response, StreamingResponse
from strawberry.http import process_result
from strawberry.types.execution import PreExecutionError

from resolvers.context import Context
from schema.build import Schema
from schema.errors import current_request, translate, translate_all
from schema.execution.documents import Document, Operation
from schema.execution.following import Recipe, Refused, begin, ending
from trailcast.access.principal import Principal
from trailcast.doors.media import HEADERS_KEPT_MAX
from trailcast.doors.services import Services
from trailcast.errors import LimitExceeded
from trailcast.live.audiences import Delivery
from trailcast.live.subscription import Channel, Subscription

MEDIA = "text/event-stream"
HEADERS = {"x-accel-buffering": "no"}
COMPLETE = b"event: complete\ndata:\n\n"
KEEP_ALIVE = b":\n\n"
FLUSH_LOOK_S = 0.02


class Cut(Exception):
    """The stream ends here, and goes on elsewhere: nothing is said."""


@lru_cache(maxsize=HEADERS_KEPT_MAX)
def is_asked_for(accept: str) -> bool:
    """Whether a client that sends this `Accept` reads events."""
    return any(part.partition(";")[0].strip().lower() == MEDIA for part in accept.split(","))


class EventStreams:
    """All event streams of one process."""

    def __init__(self, schema: Schema, services: Services) -> None:
        self._schema = schema
        self._services = services
        self._open: set[tuple[Channel, Subscription]] = set()

    def begins_subscription(self, text: str, operation_name: str | None) -> bool:
        """Whether this is a subscription. What is no document is none."""
        try:
            return self._schema.documents.read(text).find_operation(operation_name).is_subscription
        except GraphQLError:
            return False

    async def respond(
        self, text: str, variables: dict[str, object] | None, operation_name: str | None, context: Context
    ) -> Response:
        """The stream of a subscription, or the one answer of another operation, or the errors of one that did not begin: these too as
        events, because clients take any other status for a reason to come back. Raises LimitExceeded, Unauthenticated, Unavailable."""
        try:
            document = self._schema.documents.read(text)
            operation = document.find_operation(operation_name)
            if operation.is_subscription:
                return await self._follow(document, operation, variables, context)
            result = await self._schema.execute(text, variables, context_value=context, operation_name=operation_name)
        except Refused as refused:
            return _answer({"errors": [error.formatted for error in refused.errors]})
        except GraphQLError as error:
            return _answer({"errors": [translate(error).formatted]})
        if isinstance(result, PreExecutionError):
            return _answer({"errors": [error.formatted for error in translate_all(result.errors or [])]})
        return _answer(process_result(result))

    async def _follow(
        self, document: Document, operation: Operation, variables: dict[str, object] | None, context: Context
    ) -> Response:
        principal = await context.caller.identify()
        admission = self._services.admission
        if not admission.enter(principal):
            raise LimitExceeded(f"{admission.refusal}.")
        try:
            recipe, subscription = await begin(self._schema, document, operation, variables, context)
        except BaseException:
            admission.exit(principal)
            raise
        return StreamingResponse(self._events(recipe, subscription, principal), headers=HEADERS, media_type=MEDIA)

    async def leave(self, deadline: float) -> None:
        """Cut every stream as soon as it has handed out what was on its way; at the deadline, in the loop's time, all."""
        loop = asyncio.get_running_loop()
        while self._open and loop.time() < deadline:
            for channel, subscription in list(self._open):
                if subscription.is_live and channel.is_ready:
                    channel.end(Cut())
            await asyncio.sleep(FLUSH_LOOK_S)
        # Not waited for: one whose reader takes nothing does not come to hear of it, and ends with its connection.
        for channel, _ in list(self._open):
            channel.end(Cut())

    async def _events(self, recipe: Recipe, subscription: Subscription, principal: Principal) -> AsyncGenerator[bytes]:
        settings = self._services.settings
        channel = Channel()
        entry = channel, subscription
        lifetime = asyncio.get_running_loop().call_later(settings.socket_lifetime_s, channel.end, Cut())
        self._open.add(entry)
        try:
            subscription.attach(channel)
            # At once, so that the client knows that it is connected.
            yield KEEP_ALIVE
            while True:
                delivery = await channel.take(settings.socket_ping_s)
                yield KEEP_ALIVE if delivery is None else _of(recipe, delivery)
        except Cut:
            return
        except Exception as error:  # noqa: BLE001 - whatever ended the stream, the client is told as much as it may know
            yield _item(ending(error, current_request.get())) + COMPLETE
        finally:
            self._open.discard(entry)
            lifetime.cancel()
            subscription.close()
            self._services.admission.exit(principal)


def _of(recipe: Recipe, delivery: Delivery) -> bytes:
    return b"id: %b\n%b" % ((delivery.event.cursor or "").encode(), _item(recipe.answer(delivery)))


def _item(payload: bytes) -> bytes:
    return b"event: next\ndata: %b\n\n" % payload


def _answer(payload: object) -> Response:
    return Response(_item(orjson.dumps(payload)) + COMPLETE, headers=HEADERS, media_type=MEDIA)
