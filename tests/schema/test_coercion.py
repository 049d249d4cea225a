"""Variables are coerced as graphql-core coerces them, and an event's input becomes what strawberry would make of it, as a record.

Operations are made of the real schema: one for each field that takes arguments, with a variable for each. Values are drawn for their
types, most of them as they should be.
"""

import random
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    coerce_input_value,
    is_input_object_type,
    is_input_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
    parse,
    print_ast,
    type_from_ast,
)
from graphql.execution import get_variable_values
from graphql.execution.values import VariableValues
from hypothesis import given, note, settings
from hypothesis import strategies as st
from strawberry.types.arguments import convert_argument

from schema.build import build
from schema.execution import coercion
from schema.execution.coercion import COERCION_ERRORS_MAX, Variables
from schema.log_activity import LogActivityInput, decode_input
from schema.scalars import given as unless_unset

EXAMPLES_MAX = 100
DEPTH_MAX = 5
NESTED = {"entity": ("type", "id"), "actor": ("kind", "id"), "on_behalf_of": ("kind", "id")}
ODDITY_RATES = (0.0, 0.01, 0.2)
ODDITIES: tuple[Any, ...] = (None, "", "odd", 7, -1.5, 1e300, 2**40, True, [], {}, ["odd"], [None], {"odd": 1}, [[]])
LEAVES: dict[str, tuple[Any, ...]] = {
    "String": ("task.created", "", "é\0"),
    "ID": ("964f785f-dfe6-4015-18db-bef5cf06caa3", "x", 12),
    "Int": (1, -5, 2.0),
    "Float": (1, 0.5),
    "Boolean": (True, False),
    "JSON": ({"a": [1, {"b": None}]}, [], "text", None, 1.5),
    "DateTime": ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+01:00"),
    "BigInt": ("12", 7),
}
# What the schema itself has not: defaults, a type that contains itself, one of several, lists of lists.
SCRATCH = """
input Default { a: Int = 3, b: String }
input Shared { a: [Int!] = [1] }
input Tree { name: String, children: [Tree!] }
input OneOf @oneOf { a: Int, b: String }
input Grid { rows: [[Int!]!]! }
type Query { default(a: Default): Int, shared(a: Shared): Int, tree(a: Tree): Int, oneOf(a: OneOf): Int, grid(a: Grid, b: Grid!): Int }
"""

UNUSUAL = ('query ($c: [ID!] = ["x"], $a: Int!) {', "query ($d: Nothing, $a: Int) {")


def operations(schema: GraphQLSchema) -> Iterator[OperationDefinitionNode]:
    """One for each field of the roots that takes arguments, and what variables may have beside their types."""
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in root.fields.items() if root else ():
            if field.args:
                declared = ", ".join(f"${argument}: {one.type}" for argument, one in field.args.items())
                yield operation_of(f"query ({declared}) {{ {name} }}")
    yield operation_of('query ($a: Int = 5, $b: Boolean! = true, $c: String = "x") { f }')
    yield from (operation_of(f"{text} f }}") for text in UNUSUAL)


def operation_of(text: str) -> OperationDefinitionNode:
    [operation] = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


@cache
def cases() -> list[tuple[GraphQLSchema, OperationDefinitionNode, Variables]]:
    schemas = (build()._schema, build_schema(SCRATCH))
    return [(one, operation, variables_of(one, operation)) for one in schemas for operation in operations(one)]


def variables_of(schema: GraphQLSchema, operation: OperationDefinitionNode) -> Variables:
    return Variables(schema, operation.variable_definitions or ())


class Drawing:
    """Inputs of operations, with oddities at this rate."""

    def __init__(self, chance: random.Random, rate: float) -> None:
        self._chance = chance
        self._rate = rate

    def inputs(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> dict[str, Any]:
        found: dict[str, Any] = {"undeclared": 1} if self._is_odd() else {}
        for definition in operation.variable_definitions or ():
            kind = type_from_ast(schema, definition.type)
            may_miss = definition.default_value is not None or not is_non_null_type(kind)
            if not self._is_odd() and not (may_miss and self._chance.random() < 0.3):
                found[definition.variable.name.value] = self.value(kind) if is_input_type(kind) else 1
        return found

    def value(self, kind: GraphQLInputType, depth: int = 0) -> Any:
        if self._is_odd():
            return self._chance.choice(ODDITIES)
        if is_non_null_type(kind):
            kind = kind.of_type
        elif self._chance.random() < 0.1:
            return None
        if is_list_type(kind):
            size = self._chance.randint(0, 3) if depth < DEPTH_MAX else 0
            return [self.value(kind.of_type, depth + 1) for _ in range(size)]
        if is_input_object_type(kind):
            found = {
                name: self.value(field.type, depth + 1)
                for name, field in kind.fields.items()
                if (is_required_input_field(field) or self._chance.random() < 0.5) and not self._is_odd()
            }
            return {**found, "unknown": 1} if self._is_odd() else found
        if isinstance(kind, GraphQLEnumType):
            return self._chance.choice(list(kind.values))
        assert isinstance(kind, GraphQLScalarType)
        return self._chance.choice(LEAVES[kind.name])

    def _is_odd(self) -> bool:
        return self._chance.random() < self._rate


def told(answer: VariableValues | list[GraphQLError]) -> object:
    """What can be compared of it."""
    if isinstance(answer, VariableValues):
        sources = {name: (str(source.signature.type), source.value) for name, source in answer.sources.items()}
        return answer.coerced, sources
    return [(error.message, error.locations, type(error.original_error)) for error in answer]


@settings(max_examples=EXAMPLES_MAX, deadline=None)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from(ODDITY_RATES))
def test_variables_are_coerced_as_graphql_core_does(seed: int, rate: float) -> None:
    drawing = Drawing(random.Random(seed), rate)
    for schema, operation, variables in cases():
        inputs = drawing.inputs(schema, operation)
        note(f"{print_ast(operation)} {inputs}")
        expected = get_variable_values(
            schema, operation.variable_definitions or (), inputs, max_errors=COERCION_ERRORS_MAX
        )
        assert told(variables.coerce(inputs)) == told(expected)


def test_what_is_usual_needs_no_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the comparison would be of graphql-core with itself."""
    slow: list[str] = []
    schema = build()._schema
    operation: OperationDefinitionNode

    def noted(*_arguments: object, **_options: object) -> VariableValues:
        slow.append(print_ast(operation))
        return VariableValues({}, {})

    monkeypatch.setattr(coercion, "get_variable_values", noted)
    drawing = Drawing(random.Random(1), 0.0)
    count = 0
    for operation in operations(schema):
        variables = variables_of(schema, operation)
        for _ in range(20):
            variables.coerce(drawing.inputs(schema, operation))
            count += 1
    assert count > 200
    assert {operation for operation in slow if not operation.startswith(tuple(UNUSUAL))} == set()


@settings(max_examples=EXAMPLES_MAX, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_an_input_becomes_the_record_of_what_strawberry_would_make_of_it(seed: int) -> None:
    converter = build().schema_converter
    kind = build()._schema.type_map["LogActivityInput"]
    assert is_input_object_type(kind)
    raw = Drawing(random.Random(seed), 0.0).value(GraphQLNonNull(kind))
    note(repr(raw))

    def converted() -> Any:
        return convert_argument(
            coerce_input_value(raw, kind), LogActivityInput, converter.scalar_registry, converter.config, None
        )

    definition = LogActivityInput.__strawberry_definition__  # type: ignore[attr-defined]
    made = decode_input(converted())
    hook, definition.from_input = definition.from_input, None
    try:
        own = converted()
    finally:
        definition.from_input = hook
    assert asdict(made) == flat(own)


def flat(own: LogActivityInput) -> dict[str, Any]:
    """An input of strawberry's under the record's names: nothing is nested but changes, and what was not given is None."""
    found: dict[str, Any] = {}
    for name, value in vars(own).items():
        plain = unless_unset(value)
        if name == "changes":
            found[name] = tuple(
                {field: unless_unset(inner) for field, inner in vars(one).items()} for one in plain or ()
            )
        elif name in NESTED:
            found |= {f"{name}_{field}": getattr(plain, field, None) for field in NESTED[name]}
        else:
            found[name] = plain
    return found
