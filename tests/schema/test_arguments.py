"""Arguments are what graphql-core makes of them, whatever is written and whatever the variables are.

Documents are made of the real schema, and of one with what it has not: each field with drawn values, written out or, at any depth, in
variables, which may be missing.
"""

import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    get_argument_values,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    is_required_argument,
    parse,
)
from graphql.execution import get_variable_values
from graphql.execution.values import VariableValues
from hypothesis import given, note, settings
from hypothesis import strategies as st

from schema.build import build
from schema.execution import compiled
from schema.execution.compiled import Call
from tests.schema.drawing import ODDITY_RATES, SCRATCH, Drawing

EXAMPLES_MAX = 100
DEFAULTS = """
enum Colour { RED BLUE }
input Point { x: Int! = 1, y: Int, colour: Colour = RED }
type Query {
  some(n: Int! = 3, colour: Colour! = BLUE, text: String = null, ids: [ID!]! = ["1"], point: Point = {y: 2}, points: [Point]): Int
}
"""


class Writing(Drawing):
    """Draws what is written in a document: values, and variables in their place."""

    def __init__(self, chance: random.Random, rate: float) -> None:
        super().__init__(chance, rate)
        self.declared: dict[str, GraphQLInputType] = {}

    def arguments(self, field: GraphQLField) -> str:
        written = [
            f"{name}: {self.written(argument.type)}"
            for name, argument in field.args.items()
            if (is_required_argument(argument) or self._chance.random() < 0.7) and not self._is_odd()
        ]
        return f"({', '.join(written)})" if written else ""

    def written(self, kind: GraphQLInputType) -> str:
        if self._chance.random() < 0.3:
            name = f"v{len(self.declared)}"
            # Validation lets a variable that may be null stand where there is a default.
            self.declared[name] = kind.of_type if is_non_null_type(kind) and self._is_odd() else kind
            return f"${name}"
        value = self.value(kind)
        inner = kind.of_type if is_non_null_type(kind) else kind
        if type(value) is list and is_list_type(inner):
            return f"[{' '.join(self.written(inner.of_type) for _ in value)}]"
        if type(value) is dict and is_input_object_type(inner):
            fields = [(name, inner.fields.get(name)) for name in value]
            return f"{{{' '.join(f'{name}: {self.written(field.type) if field else 1}' for name, field in fields)}}}"
        return value if isinstance(inner, GraphQLEnumType) and str(value) in inner.values else literal(value)


def literal(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{' '.join(f'{name}: {literal(inner)}' for name, inner in value.items())}}}"
    return f"[{' '.join(map(literal, value))}]" if isinstance(value, list) else json.dumps(value)


@cache
def cases() -> list[tuple[GraphQLSchema, GraphQLField]]:
    return [
        (schema, field)
        for schema in (build()._schema, build_schema(SCRATCH), build_schema(DEFAULTS))
        for kind in schema.type_map.values()
        for field in (kind.fields.values() if is_object_type(kind) and not kind.name.startswith("__") else ())
        if field.args
    ]


def asked(writing: Writing) -> Iterator[tuple[GraphQLField, FieldNode, VariableValues, str]]:
    for schema, field in cases():
        writing.declared.clear()
        arguments = writing.arguments(field)
        declared = ", ".join(f"${name}: {kind}" for name, kind in writing.declared.items())
        text = f"query {f'({declared})' if declared else ''} {{ f{arguments} }}"
        [operation] = parse(text).definitions
        assert isinstance(operation, OperationDefinitionNode)
        node = operation.selection_set.selections[0]
        assert isinstance(node, FieldNode)
        for _ in range(3):
            inputs = writing.inputs(schema, operation)
            variables = get_variable_values(schema, operation.variable_definitions or (), inputs)
            if isinstance(variables, VariableValues):
                yield field, node, variables, f"{text} {inputs}"


def call_of(field: GraphQLField, node: FieldNode) -> Call:
    return Call(field, [node], lambda: None, None)


def outcome_of(find: Callable[..., dict[str, Any]], *asked: Any) -> object:
    try:
        return find(*asked)
    except (GraphQLError, TypeError) as error:
        return type(error), str(error)


@settings(max_examples=EXAMPLES_MAX, deadline=None)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from(ODDITY_RATES))
def test_arguments_are_what_graphql_core_makes_of_them(seed: int, rate: float) -> None:
    for field, node, variables, text in asked(Writing(random.Random(seed), rate)):
        note(text)
        expected = outcome_of(get_argument_values, field, node, variables)
        assert outcome_of(call_of(field, node).find_arguments, variables) == expected


def test_what_is_usual_needs_no_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the comparison would be of graphql-core with itself."""
    slow: list[object] = []

    def noted(*asked: object) -> dict[str, Any]:
        slow.append(asked)
        return {}

    monkeypatch.setattr(compiled, "get_argument_values", noted)
    count = 0
    for seed in range(20):
        for field, node, variables, _ in asked(Writing(random.Random(seed), 0.0)):
            call_of(field, node).find_arguments(variables)
            count += 1
    assert count > 1000
    assert len(slow) < count / 5


def test_a_page_of_a_board_needs_no_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_asked: object) -> dict[str, Any]:
        raise AssertionError

    monkeypatch.setattr(compiled, "get_argument_values", never)
    schema = build()._schema
    fields = "activityEvents(first: 50, after: $after, filter: {boardId: [$board]}) { nodes { id } }"
    [operation] = parse(f"query ($board: ID!, $after: String) {{ {fields} }}").definitions
    assert isinstance(operation, OperationDefinitionNode)
    variables = get_variable_values(schema, operation.variable_definitions or (), {"board": "b"})
    assert isinstance(variables, VariableValues)
    node = operation.selection_set.selections[0]
    assert isinstance(node, FieldNode)
    assert schema.query_type is not None
    found = call_of(schema.query_type.fields["activityEvents"], node).find_arguments(variables)
    assert (found["first"], "after" in found, found["filter"]) == (50, False, {"boardId": ["b"]})
