"""From what a document selects of a list's items to the shape in which PostgreSQL writes them (`trailcast.ledger.json_rows`).

Whatever is an attribute of a record, or a thing or a list made of such, has a shape. What has arguments, waits, or is worked out in
Python has none, nor has a list that is asked for as `nodes` and as `edges` at once, or under several names: those are read into
records.
"""

from contextlib import suppress

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetails
from strawberry.types.field import StrawberryField

from schema.execution.compiled import CompilingExecutor
from schema.execution.functions import DEFINITION, NotCompiled
from trailcast.ledger.json_rows import Field, Shape, is_writable

ITEMS = ("nodes", "edges")


def shape_of_items(
    executor: CompilingExecutor, connection: GraphQLObjectType, details: list[FieldDetails]
) -> Shape | None:
    """How the items of a connection are written; None where Python has to make them."""
    with suppress(NotCompiled, GraphQLError):
        selected = _collect(executor, connection, details)
        asked = [fields for fields in selected if fields[0].node.name.value in ITEMS]
        if len(asked) == 1:
            items = get_named_type(connection.fields[asked[0][0].node.name.value].type)
            assert is_object_type(items)
            shape = _shape(executor, items, asked[0])
            return shape if is_writable(shape) else None
    return None


def _collect(
    executor: CompilingExecutor, kind: GraphQLObjectType, details: list[FieldDetails]
) -> list[list[FieldDetails]]:
    selected, deferred, _ = executor.collect_subfields(kind, details)
    if deferred:
        raise NotCompiled
    return list(selected.values())


def _shape(executor: CompilingExecutor, kind: GraphQLObjectType, details: list[FieldDetails]) -> Shape:
    return Shape(tuple([_field(executor, kind, fields) for fields in _collect(executor, kind, details)]))


def _field(executor: CompilingExecutor, kind: GraphQLObjectType, fields: list[FieldDetails]) -> Field:
    node = fields[0].node
    key, name = (node.alias or node.name).value, node.name.value
    if name == "__typename":
        return Field(key, required=True, constant=kind.name)
    field = executor.schema.get_field(kind, name)
    if field is None or field.args:
        raise NotCompiled
    required, inner = is_non_null_type(field.type), field.type
    inner = inner.of_type if is_non_null_type(inner) else inner
    if is_list_type(inner):
        if not is_non_null_type(inner.of_type):
            raise NotCompiled
        inner = inner.of_type.of_type
    attribute = _attribute(field)
    if is_leaf_type(inner):
        return Field(key, attribute, required)
    if not is_object_type(inner):
        raise NotCompiled
    return Field(key, attribute, required, _shape(executor, inner, fields))


def _attribute(field: GraphQLField) -> str:
    definition = (field.extensions or {}).get(DEFINITION)
    if not isinstance(definition, StrawberryField) or definition.base_resolver is not None or definition.extensions:
        raise NotCompiled
    return definition.python_name
