"""Answers completed by functions that were compiled for their selections.

graphql-core asks every field of every object by itself: an `info`, a path, a resolver, a check of what came back. Most of what is
selected here is an attribute of a record (docs/decisions/0013), so a type and what is selected of it make one Python function, which
reads the attributes, looks at their types and returns the dictionary. It stands in exactly where graphql-core would begin with an
object or a list of objects, and knows no errors: whatever is not as it should be (an exception, a null that may not be, a value of
another type) raises, and graphql-core completes that object or list itself, from the beginning, so that errors, their paths and
what becomes null are its own. What takes variables, waits or looks at the caller is never compiled.

Functions hang on their operation and go with it. They are found by the nodes of the document and the values of its booleans, because
`@skip` and `@include` take nothing else. How much is kept with an operation is bounded by what it selects.
"""

from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    ExecutionResult,
    FieldNode,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    IntValueNode,
    OperationType,
    Undefined,
    get_argument_values,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetails, collect_fields
from orjson import Fragment
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

T = TypeVar("T")
Function = Callable[[Any], dict[str, Any]]

DEFINITION = "strawberry-definition"
KEPT, EXECUTOR = "kept", "executor"
KEPT_FIELDS_PER_SELECTION = 6  # its function and its paths, for three sets of values that conditions have in turn
KEPT_FIELDS_OF_OTHERS = 10_000  # of an operation that is not kept
FIELD_BYTES = 400  # 330 were measured
FUNCTION_FIELDS_MAX = 500  # what compiling takes, 25 us for each field, is time that nobody else is served

# What graphql-core answers for a value of just this type, which it would look for among many. All else goes its way, in `_Leaf`.
_SPECIFIED = {
    GraphQLString: "{v} if type({v}) is str",
    GraphQLID: "{v} if type({v}) is str else str({v}) if isinstance({v}, UUID)",
    GraphQLBoolean: "{v} if type({v}) is bool",
    GraphQLInt: "{v} if type({v}) is int and -2147483648 <= {v} <= 2147483647",
    GraphQLFloat: "{v} if type({v}) is float and {v} - {v} == 0",
}
_PLAIN_NODES = (IntValueNode, EnumValueNode, BooleanValueNode)  # values that strawberry takes as they are
_LISTS = frozenset({list, tuple})
_PLAIN = frozenset({str, int, float, bool, dict, list, datetime})


class Surprise(Exception):
    """A value is not as most are: graphql-core is to look at it."""


class NotCompiled(Exception):
    """Something is selected that takes more than an attribute."""


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
        return ExecutionResult(data, self.collected_errors.errors or None)  # type: ignore[arg-type]

    def _collect_root(self, kind: GraphQLObjectType) -> tuple[dict[str, list[FieldDetails]], int]:
        found = collect_fields(
            self.schema, self.fragments, self.variable_values, kind, self.operation, self.hide_suggestions
        )
        return found.grouped_field_set, len(found.grouped_field_set)

    def complete_object_value(
        self, return_type: GraphQLObjectType, details: Any, info: Any, path: Any, result: Any, position: Any
    ) -> Any:
        function = self._find(return_type, details, position)
        if function is not None:
            with suppress(Exception):  # graphql-core meets the same, and knows what to say of it
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

    def _find(self, kind: GraphQLObjectType, details: list[FieldDetails], position: object) -> Function | None:
        """The function for what these fields select of a type; None where graphql-core has to complete it."""
        if not self._is_bare or position is not None:
            return None
        nodes = id(details[0].node) if len(details) == 1 else tuple([id(detail.node) for detail in details])
        return self._kept.find((nodes, kind, self._conditions), lambda: self._compile(kind, details))

    def _compile(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> tuple[Function | None, int]:
        source = _Source(self)
        with suppress(NotCompiled, GraphQLError):
            return source.compile(kind, details), source.fields
        return None, 0


class _Source:
    """The text of a function and of those that it calls, with what they refer to."""

    def __init__(self, executor: CompilingExecutor) -> None:
        self._executor = executor
        self._lines: list[str] = []
        self._names: dict[str, Any] = {"UUID": UUID, "PLAIN": _PLAIN, "Surprise": Surprise, "Fragment": Fragment}
        self.fields = 0

    def compile(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> Function:
        """Raises NotCompiled."""
        name = self._function(kind, details)
        exec("\n".join(self._lines), self._names)  # noqa: S102 - of a document it has names and aliases, which are letters, and quoted
        function: Function = self._names[name]
        return function

    def _refer(self, thing: object) -> str:
        """A name for it."""
        name = f"n{len(self._names)}"
        self._names[name] = thing
        return name

    def _function(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> str:
        executor = self._executor
        selected, deferred, _ = executor.collect_subfields(kind, details)
        if deferred:
            raise NotCompiled
        admitted: set[type] = set()
        classes, admit = self._refer(admitted), self._refer(_Admission(kind, admitted))
        body: list[str] = [f" if type(o) not in {classes}: {admit}(o)"]
        items = [
            f" {key!r}: {self._field(kind, fields, f'v{number}', body)},"
            for number, (key, fields) in enumerate(selected.items())
        ]
        self.fields += len(items)
        if self.fields > FUNCTION_FIELDS_MAX:
            raise NotCompiled
        name = f"f{len(self._names)}"
        self._names[name] = None
        self._lines += [f"def {name}(o):", *body, " return {", *items, " }"]
        return name

    def _field(self, kind: GraphQLObjectType, fields: list[FieldDetails], value: str, body: list[str]) -> str:
        """The expression for a field, after what has been added to the body."""
        name = fields[0].node.name.value
        if name == "__typename":
            return repr(kind.name)
        field = self._executor.schema.get_field(kind, name)
        if field is None:
            raise NotCompiled
        body.append(f" {value} = {self._read(field, fields[0].node)}")
        if is_non_null_type(field.type):
            # No look for null is needed: it is of no type that is taken.
            return self._value(field.type.of_type, fields, value, body)
        return f"None if {value} is None else {self._value(field.type, fields, value, body, nullable=True)}"

    def _read(self, field: GraphQLField, node: FieldNode) -> str:
        """What strawberry would resolve, if it is an attribute or a method whose arguments stand in the document."""
        definition = (field.extensions or {}).get(DEFINITION)
        if not isinstance(definition, StrawberryField) or definition.extensions or definition.is_async:
            raise NotCompiled
        resolver = definition.base_resolver
        if resolver is None:
            if definition.default_resolver is not getattr:
                raise NotCompiled
            return f"o.{definition.python_name}"
        names = {argument.python_name for argument in definition.arguments}
        if resolver.self_parameter is None or len(resolver.signature.parameters) != 1 + len(names):
            raise NotCompiled
        if not names:
            return f"{self._refer(resolver.wrapped_func)}(o)"
        if not all(isinstance(argument.value, _PLAIN_NODES) for argument in node.arguments or ()):
            raise NotCompiled
        given = get_argument_values(field, node)
        if given.keys() != names:
            raise NotCompiled
        return f"{self._refer(resolver.wrapped_func)}(o, **{self._refer(given)})"

    def _value(
        self,
        kind: GraphQLOutputType,
        fields: list[FieldDetails],
        value: str,
        body: list[str],
        *,
        nullable: bool = False,
    ) -> str:
        if is_leaf_type(kind):
            return self._leaf(kind, value)
        if is_object_type(kind):
            return f"{self._function(kind, fields)}({value})"
        if not is_list_type(kind) or not is_non_null_type(kind.of_type) or is_list_type(kind.of_type.of_type):
            raise NotCompiled
        absent = f"{value} is not None and " if nullable else ""
        admitted = f"type({value}) is not list and type({value}) is not tuple and type({value}) is not Fragment"
        body.append(f" if {absent}{admitted}: raise Surprise")
        listed = f"[{self._value(kind.of_type.of_type, fields, 'x', body)} for x in {value}]"
        return f"({value} if type({value}) is Fragment else {listed})"

    def _leaf(self, kind: Any, value: str) -> str:
        if isinstance(kind, GraphQLEnumType):
            definition = (kind.extensions or {}).get(DEFINITION)
            if not isinstance(definition, StrawberryEnumDefinition):
                raise NotCompiled
            # By identity, because members hash in Python.
            members: Iterable[object] = definition.wrapped_cls
            names = {id(member): kind.coerce_output_value(member) for member in members}
            return f"{self._refer(names)}[id({value})]"
        other = self._refer(_Leaf(kind))
        specified = _SPECIFIED.get(kind)
        if specified is not None:
            return f"({specified.format(v=value)} else {other}({value}))"
        coerce = self._refer(kind.coerce_output_value)
        return f"(c if type({value}) in PLAIN and (c := {coerce}({value})) is not None else {other}({value}))"


class _Admission:
    """Lets objects through whose class is one for this type; what a class is for does not change."""

    def __init__(self, kind: GraphQLObjectType, admitted: set[type]) -> None:
        self._is_type_of = kind.is_type_of
        self._admitted = admitted

    def __call__(self, value: object) -> None:
        if value is None or value is Undefined or isinstance(value, Exception) or optimized_is_awaitable(value):
            raise Surprise
        if self._is_type_of is not None and not self._is_type_of(value, None):  # type: ignore[arg-type]
            raise Surprise
        self._admitted.add(type(value))


class _Leaf:
    """Completes a leaf of any type as graphql-core does."""

    def __init__(self, kind: Any) -> None:
        self._coerce = kind.coerce_output_value

    def __call__(self, value: object) -> object:
        if value is None or isinstance(value, Exception) or optimized_is_awaitable(value):
            raise Surprise
        coerced = self._coerce(value)
        if coerced is None or coerced is Undefined:
            raise Surprise
        return coerced
