"""The functions that answers are completed by: the source of one, for a type and what is selected of it, and what it is made of.

A function reads the attributes of an object, looks at their types and returns the dictionary. It knows no errors: whatever is not as
it should be (an exception, a null that may not be, a value of another type) raises. What takes variables, waits or looks at the caller
raises NotCompiled when the function is made. Who calls it, and what happens then: `schema.execution.compiled`.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FieldNode,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    IntValueNode,
    Undefined,
    get_argument_values,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetails
from orjson import Fragment
from strawberry.execution import optimized_is_awaitable
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

Function = Callable[[Any], dict[str, Any]]

DEFINITION = "strawberry-definition"
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
_PLAIN = frozenset({str, int, float, bool, dict, list, datetime})


class Surprise(Exception):
    """A value is not as most are: graphql-core is to look at it."""


class NotCompiled(Exception):
    """Something is selected that takes more than an attribute."""


class Collector(Protocol):
    """An executor, as far as it is needed here."""

    schema: GraphQLSchema

    def collect_subfields(self, return_type: GraphQLObjectType, details: list[FieldDetails], /) -> CollectedFields:
        """What is selected of the type."""


def compile_function(executor: Collector, kind: GraphQLObjectType, details: list[FieldDetails]) -> tuple[Function, int]:
    """The function for what these fields select of a type, and how many fields it reads. Raises NotCompiled, GraphQLError."""
    source = _Source(executor)
    return source.compile(kind, details), source.fields


class _Source:
    """The text of a function and of those that it calls, with what they refer to."""

    def __init__(self, executor: Collector) -> None:
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
