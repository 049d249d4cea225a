"""Subscriptions, executed once for all who asked the same and may see the same.

graphql-core's subscription algorithm, taken apart at its public joints: an executor is built per operation, the source stream
is opened by the field's own resolver, and each event is executed with the event as root value. What is shared is the last step: the
answer to a delivery is kept on the delivery, which belongs to one audience (same rights, same filter), under the document, the
operation's name and the variables. So an event is executed and encoded once per group, whoever is first.

That is right only because nothing below a subscription's root field looks at the caller: every such field is a plain
attribute of the record (a test holds this for every type that a subscription can reach).
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLSchema,
    create_source_event_stream,
    execute_subscription_event,
)
from strawberry import Schema
from strawberry.http import process_result

from resolvers.context import Context
from schema.errors import request_error, translate
from schema.execution.documents import parse_document, validate_document
from trailcast.live.hub import Delivery


class Refused(Exception):
    """The operation did not begin. `errors` are as the client may see them."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


async def follow(
    schema: Schema, text: str, variables: object, operation_name: str | None, context: Context
) -> AsyncGenerator[str]:
    """The payloads of a subscription, encoded. The first step of the iteration has begun the feed. Raises Refused.

    An error in the middle is the last payload, as an answer with `errors`.
    """
    if variables is not None and not isinstance(variables, dict):
        raise Refused([request_error("variables must be an object.")])
    core: GraphQLSchema = schema._schema  # noqa: SLF001 - strawberry has no public name for the schema that it makes
    errors = validate_document(core, text, introspection=context.settings.introspection)
    if errors:
        raise Refused([translate(error) for error in errors])
    executor = Executor.build(core, parse_document(text), None, context, variables, operation_name)
    if isinstance(executor, list):
        raise Refused([translate(error) for error in executor])
    source = create_source_event_stream(executor)
    opened = (
        source if hasattr(source, "__aiter__") or isinstance(source, ExecutionResult) else await cast("Any", source)
    )
    if isinstance(opened, ExecutionResult):
        raise Refused([translate(error) for error in opened.errors or ()])
    key = (text, operation_name, orjson.dumps(variables, option=orjson.OPT_SORT_KEYS))
    return _payloads(executor, cast("AsyncGenerator[Delivery]", opened), key)


async def _payloads(
    executor: Executor[Any], source: AsyncGenerator[Delivery], key: tuple[object, ...]
) -> AsyncGenerator[str]:
    async with aclosing(source):
        try:
            async for delivery in source:
                answer = delivery.answers.get(key)
                if answer is None:
                    answer = delivery.answers[key] = await _answer(executor, delivery)
                yield answer
        except Exception as error:  # noqa: BLE001 - whatever ended the stream, the client is told as much as it may know
            ended = GraphQLError(str(error), original_error=error)
            yield _encoded(ExecutionResult(None, [translate(ended)]))


async def _answer(executor: Executor[Any], delivery: Delivery) -> str:
    result = execute_subscription_event(executor.build_per_event_executor(delivery.event))
    if not isinstance(result, ExecutionResult):
        result = await result
    if result.errors:
        result.errors = [translate(error) for error in result.errors]
    return _encoded(result)


def _encoded(result: ExecutionResult) -> str:
    return orjson.dumps(process_result(cast("Any", result))).decode()
