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
    GraphQLError,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    coerce_input_value,
    is_input_object_type,
    parse,
    print_ast,
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
from tests.schema.drawing import ODDITY_RATES, SCRATCH, Drawing

EXAMPLES_MAX = 100
NESTED = {"entity": ("type", "id"), "actor": ("kind", "id"), "on_behalf_of": ("kind", "id")}
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
