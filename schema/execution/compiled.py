"""Answers completed by functions that were compiled for their selections.

graphql-core asks every field of every object by itself: an `info`, a path, a resolver, its arguments, a check of what came back. Most
of what is selected here is an attribute of a record (docs/decisions/0013), so a type and what is selected of it make one Python
function (`schema.execution.functions`). It stands in exactly where graphql-core would begin with an object or a list of objects:
whatever is not as it should be raises, and graphql-core completes that object or list itself, from the beginning, so that errors,
their paths and what becomes null are its own. What is left, fields that wait or take variables, are called with what was found out
about them once (`Call`).

What was made hangs on its operation and goes with it. It is found by the nodes of the document and the values of its booleans, because
`@skip` and `@include` take nothing else. How much is kept with an operation is bounded by what it selects.
"""

from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from types import CoroutineType
from typing import Any, TypeVar

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationType,
    get_argument_values,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetails, collect_fields
from graphql.execution.values import VariableValues
from orjson import Fragment
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.execution.arguments import Arguments
from schema.execution.coercion import Surprise
from schema.execution.functions import Function, NotCompiled, compile_function

T = TypeVar("T")

KEPT, EXECUTOR = "kept", "executor"
KEPT_FIELDS_PER_SELECTION = (
    8  # its function, its paths and how it is called, for two or three sets of values of conditions
)
KEPT_FIELDS_OF_OTHERS = 10_000  # of an operation that is not kept
FIELD_BYTES = 400  # 330 were measured

_LISTS = frozenset({list, tuple})


class Kept:
    """What was worked out of one operation, once: of so many fields at most, then from the beginning again."""

    def __init__(self, fields_max: int) -> None:
        self.fields_max = fields_max
        self._fields = 0
        self._values: dict[Hashable, Any] = {}
        self.made = 0  # how often anything was

    def find(self, key: Hashable, make: Callable[[], tuple[T, int]]) -> T:
        """What is kept under the key, or else what is made, which is of so many fields."""
        try:
            value: T = self._values[key]
        except KeyError:
            value, fields = make()
            self.made += 1
            self._fields += fields + 1
            if self._fields > self.fields_max:
                self._values.clear()
                self._fields = fields + 1
            self._values[key] = value
        return value


def conditions_of(variables: dict[str, Any]) -> Hashable:
    """Of the variables that decide what is selected. A null is none: as a condition it is an error, which graphql-core makes."""
    return tuple([pair for pair in variables.items() if type(pair[1]) is bool])


class Call:
    """A field with all that calling it takes but its variables: found out once for its place in an operation."""

    __slots__ = ("arguments", "field", "function", "node", "nodes", "resolve")

    def __init__(
        self, field: GraphQLField, nodes: list[FieldNode], resolve: Callable[..., Any], function: Function | None
    ) -> None:
        self.field = field
        self.nodes = nodes
        self.node = nodes[0]
        self.resolve = resolve
        self.function = function  # completes what it gives, if that is an object
        self.arguments: Arguments | None = None
        with suppress(Surprise, GraphQLError, TypeError):  # else graphql-core's way, each time
            self.arguments = Arguments(field, self.node)

    def find_arguments(self, variables: VariableValues) -> dict[str, Any]:
        """What its resolver is called with. Raises GraphQLError."""
        if self.arguments is not None:
            with suppress(Surprise):
                return self.arguments.of(variables.coerced)
        return get_argument_values(self.field, self.node, variables)


class CompilingExecutor(StrawberryGraphQLCoreExecutionContext):
    """strawberry's executor with compiled functions, kept with its operation if it is told where."""

    def __init__(self, *args: Any, kept: Kept | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept = kept or Kept(KEPT_FIELDS_OF_OTHERS)
        self._conditions = conditions_of(self.variable_values.coerced)
        # What a resolver's `info` can reach. The executor is among it until it has run, so that nothing outlives its operation.
        self.operation_extensions = {KEPT: self._kept, EXECUTOR: self}
        self._is_bare = not (self.middleware_manager and self.middleware_manager.middlewares)

    async def run(self) -> ExecutionResult:
        """The answer to the whole operation: as `execute_operation`, but what its root selects is collected once."""
        kind = self.schema.get_root_type(self.operation.operation)
        assert kind is not None
        try:
            fields = self._kept.find(("root", self._conditions), lambda: self._collect_root(kind))
            serially = self.operation.operation is OperationType.MUTATION
            data = self.execute_root_grouped_field_set(kind, self.root_value, fields, serially, None)
            if self.is_awaitable(data):
                data = await data
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        finally:
            self.operation_extensions = {}
            # Its helpers refer to the executor, and so all that was sent would stay until cycles are looked for: megabytes of a batch.
            # Nobody asks for them any more.
            self.async_helpers = None  # type: ignore[assignment]
        return ExecutionResult(data, self.collected_errors.errors or None)  # type: ignore[arg-type]

    def _collect_root(self, kind: GraphQLObjectType) -> tuple[dict[str, list[FieldDetails]], int]:
        found = collect_fields(
            self.schema, self.fragments, self.variable_values, kind, self.operation, self.hide_suggestions
        )
        return found.grouped_field_set, len(found.grouped_field_set)

    def execute_field(self, parent_type: GraphQLObjectType, source: Any, details: Any, path: Any, position: Any) -> Any:
        call = self._find_call(parent_type, details) if self._is_bare and position is None else None
        if call is None:
            return super().execute_field(parent_type, source, details, path, position)
        info = self.build_resolve_info(call.field, call.nodes, parent_type, path)
        try:
            result = call.resolve(source, info, **call.find_arguments(self.variable_values))
            if type(result) is CoroutineType or self.is_awaitable(result):
                return self._complete_later(call, details, info, path, result)
            completed = self._complete(call, details, info, path, result)
        except Exception as error:  # noqa: BLE001 - whatever a resolver raises is its field's error
            self.handle_field_error(error, call.field.type, details, path)
            return None
        return self._settle(call, details, path, completed) if self.is_awaitable(completed) else completed

    async def _complete_later(self, call: Call, details: Any, info: Any, path: Any, result: Awaitable[Any]) -> Any:
        try:
            completed = self._complete(call, details, info, path, await result)
        except Exception as error:  # noqa: BLE001 - as above
            self.handle_field_error(error, call.field.type, details, path)
            return None
        return await self._settle(call, details, path, completed) if self.is_awaitable(completed) else completed

    async def _settle(self, call: Call, details: Any, path: Any, completed: Awaitable[Any]) -> Any:
        try:
            return await completed
        except Exception as error:  # noqa: BLE001 - as above
            self.handle_field_error(error, call.field.type, details, path)
            return None

    def _complete(self, call: Call, details: Any, info: Any, path: Any, result: Any) -> Any:
        if call.function is not None and result is not None:
            with suppress(Exception):  # graphql-core meets the same, and knows what to say of it
                return call.function(result)
        return self.complete_value(call.field.type, details, info, path, result, None)

    def collect_and_execute_subfields(
        self, return_type: GraphQLObjectType, details: Any, path: Any, result: Any, position: Any
    ) -> Any:
        def collect() -> tuple[CollectedFields, int]:
            found = self.collect_subfields(return_type, details)
            return found, len(found.grouped_field_set)

        fields = self._kept.find(("below", _nodes(details), return_type, self._conditions), collect)
        return self.execute_collected_subfields(
            return_type, result, path, fields.grouped_field_set, fields.new_defer_usages, position
        )

    def complete_object_value(
        self, return_type: GraphQLObjectType, details: Any, info: Any, path: Any, result: Any, position: Any
    ) -> Any:
        function = self._find(return_type, details, position)
        if function is not None:
            with suppress(Exception):  # as above
                return function(result)
        return super().complete_object_value(return_type, details, info, path, result, position)

    def complete_list_value(
        self, return_type: Any, details: Any, info: Any, path: Any, result: Any, position: Any
    ) -> Any:
        if type(result) is Fragment:
            return result  # PostgreSQL has completed it
        return super().complete_list_value(return_type, details, info, path, result, position)

    def complete_iterable_value(
        self, item_type: GraphQLOutputType, details: Any, info: Any, path: Any, items: Any, position: Any
    ) -> Any:
        kind = item_type.of_type if is_non_null_type(item_type) else None
        if is_object_type(kind) and type(items) in _LISTS:
            function = self._find(kind, details, position)
            if function is not None:
                with suppress(Exception):  # as above
                    return [function(item) for item in items]
        return super().complete_iterable_value(item_type, details, info, path, items, position)

    def _find_call(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> Call | None:
        """What the field takes; None for one that the type has not."""
        key = "call", _nodes(details), parent, self._conditions
        return self._kept.find(key, lambda: (self._make_call(parent, details), 1))

    def _make_call(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> Call | None:
        field = self.schema.get_field(parent, details[0].node.name.value)
        if field is None:
            return None
        kind = field.type.of_type if is_non_null_type(field.type) else field.type
        function = self._find(kind, details, None) if is_object_type(kind) else None
        return Call(field, [detail.node for detail in details], field.resolve or self.field_resolver, function)

    def _find(self, kind: GraphQLObjectType, details: list[FieldDetails], position: object) -> Function | None:
        """The function for what these fields select of a type; None where graphql-core has to complete it."""
        if not self._is_bare or position is not None:
            return None
        return self._kept.find((_nodes(details), kind, self._conditions), lambda: self._compile(kind, details))

    def _compile(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> tuple[Function | None, int]:
        with suppress(NotCompiled, GraphQLError):
            return compile_function(self, kind, details)
        return None, 0


def _nodes(details: list[FieldDetails]) -> Hashable:
    """Where in the document these fields stand."""
    return id(details[0].node) if len(details) == 1 else tuple([id(detail.node) for detail in details])
