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
    GraphQLSchema,
    create_source_event_stream,
    execute_subscription_event,
)
from strawberry import Schema
from strawberry.http import process_result

from resolvers.context import Context
from schema.errors import request_error, translate_all, translated
from schema.execution.documents import parse_document, validate_document, variables_below_root
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
            result.errors = translate_all(result.errors)
        return _encoded(result)


_recipes: WeakValueDictionary[tuple[object, ...], Recipe] = WeakValueDictionary()


async def begin(
    schema: Schema, text: str, variables: object, operation_name: str | None, context: Context
) -> tuple[Recipe, Subscription]:
    """A subscription that stands, and how its events are answered. The caller closes it. Raises Refused."""
    if variables is not None and not isinstance(variables, dict):
        raise Refused([request_error("variables must be an object.")])
    core: GraphQLSchema = schema._schema  # noqa: SLF001 - strawberry has no public name for the schema that it makes
    errors = validate_document(core, text, introspection=context.settings.introspection)
    if errors:
        raise Refused(translate_all(errors))
    source = create_source_event_stream(_executor(core, text, variables, operation_name, context))
    opened = (
        source if hasattr(source, "__aiter__") or isinstance(source, ExecutionResult) else await cast("Any", source)
    )
    if isinstance(opened, ExecutionResult):
        raise Refused(translate_all(opened.errors or ()))
    return _recipe(core, text, variables, operation_name), cast("Subscription", opened)


def ending(error: Exception) -> bytes:
    """The last payload of a subscription that something ended: as much of it as the client may know."""
    return _encoded(ExecutionResult(None, [translated(error)]))


def _recipe(core: GraphQLSchema, text: str, variables: dict[str, Any] | None, operation_name: str | None) -> Recipe:
    names = variables_below_root(text, operation_name)
    telling = {name: value for name, value in (variables or {}).items() if name in names}
    key = (core, text, operation_name, orjson.dumps(telling, option=orjson.OPT_SORT_KEYS))
    recipe = _recipes.get(key)
    if recipe is None:
        recipe = _recipes[key] = Recipe(_executor(core, text, variables, operation_name, None))
    return recipe


def _executor(
    core: GraphQLSchema,
    text: str,
    variables: dict[str, Any] | None,
    operation_name: str | None,
    context: Context | None,
) -> Executor[Any]:
    executor = Executor.build(core, parse_document(text), None, context, variables, operation_name)
    if isinstance(executor, list):
        raise Refused(translate_all(executor))
    return executor


def _encoded(result: ExecutionResult) -> bytes:
    return orjson.dumps(process_result(cast("Any", result)))
