"""Draws values for input types, most of them as they should be."""

import random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    is_input_object_type,
    is_input_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
    type_from_ast,
)

DEPTH_MAX = 5
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
