"""Subscriptions, executed once for all who asked the same and are shown the same.

graphql-core's subscription algorithm, taken apart at its public joints: an executor is built per operation, the source stream
is opened by the field's own resolver, and each event is executed with the event as root value. What is shared is the last step: the
answer to a delivery is kept on the delivery, which is one event as some may see it, under a recipe: the document, the operation's name
and those variables that can change the answer. What is given to the root field itself (a board, a cursor) chooses events and
changes no answer, so readers that come back with a cursor each share again.

That is right only because nothing below a subscription's root field looks at the caller: every such field is a plain
attribute of the record (a test holds this for every type that a subscription can reach), and a recipe has no caller to look at.
"""

from typing import Any, cast
from weakref import WeakValueDictionary

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    create_source_event_stream,
    execute_subscription_event,
)
from strawberry.http import process_result

from resolvers.context import Context
from schema.build import Schema
from schema.errors import new_request_id, request_error, translate_all, translated
from schema.execution.documents import Document, Operation
from trailcast.live.audiences import Delivery
from trailcast.live.subscription import Subscription


class Refused(Exception):
    """The operation did not begin. `errors` are as the client may see them."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


class Recipe:
    """How events are answered. Of equal ones there is one at a time, for as long as somebody holds it."""

    __slots__ = ("__weakref__", "_executor")

    def __init__(self, executor: Executor[Any]) -> None:
        self._executor = executor

    def answer(self, delivery: Delivery) -> bytes:
        """The payload for a delivery, encoded; made once."""
        made = delivery.answers.get(self)
        if made is None:
            made = delivery.answers[self] = self._make(delivery)
        return made

    def _make(self, delivery: Delivery) -> bytes:
        result = execute_subscription_event(self._executor.build_per_event_executor(delivery.event))
        if not isinstance(result, ExecutionResult):
            raise TypeError("A field below a subscription waits for something, and an answer cannot.")
        if result.errors:
            # The answer is of several requests, so its errors have an id of their own.
            result.errors = translate_all(result.errors, new_request_id())
        return _encoded(result)


_recipes: WeakValueDictionary[tuple[object, ...], Recipe] = WeakValueDictionary()


async def begin(
    schema: Schema, document: Document, operation: Operation, variables: object, context: Context
) -> tuple[Recipe, Subscription]:
    """A subscription that stands, and how its events are answered. The caller closes it. Raises Refused."""
    if variables is not None and not isinstance(variables, dict):
        raise Refused([request_error("variables must be an object.")])
    errors = schema.documents.find_errors(document, operation, variables, context.spend)
    if errors:
        raise Refused(translate_all(errors))
    source = create_source_event_stream(_executor(schema, operation, variables, context))
    opened = (
        source if hasattr(source, "__aiter__") or isinstance(source, ExecutionResult) else await cast("Any", source)
    )
    if isinstance(opened, ExecutionResult):
        raise Refused(translate_all(opened.errors or ()))
    return _recipe(schema, document, operation, variables), cast("Subscription", opened)


def ending(error: Exception, request_id: str) -> bytes:
    """The last payload of a subscription that something ended: as much of it as the client may know."""
    return _encoded(ExecutionResult(None, [translated(error, request_id)]))


def _recipe(schema: Schema, document: Document, operation: Operation, variables: dict[str, Any] | None) -> Recipe:
    names = operation.variables_below_root
    telling = {name: value for name, value in (variables or {}).items() if name in names}
    key = (schema, document.text, operation.name, orjson.dumps(telling, option=orjson.OPT_SORT_KEYS))
    recipe = _recipes.get(key)
    if recipe is None:
        recipe = _recipes[key] = Recipe(_executor(schema, operation, variables, None))
    return recipe


def _executor(
    schema: Schema,
    operation: Operation,
    variables: dict[str, Any] | None,
    context: Context | None,
) -> Executor[Any]:
    executor = schema.executor(operation, variables, context)
    if isinstance(executor, list):
        raise Refused(translate_all(executor))
    return executor


def _encoded(result: ExecutionResult) -> bytes:
    return orjson.dumps(process_result(cast("Any", result)))
