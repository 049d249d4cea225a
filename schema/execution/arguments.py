"""The arguments of a field, worked out of its document once: for a request only its variables are put in.

graphql-core reads them out of the document for each request, and asks for each argument and for each field of an input object anew
of which type it is, whether it must be there and what stands for it if it is not. The functions made here know no errors. Where a
variable is not what it should be, or something is written that is seldom written, they give up, and graphql-core works all of them
out: errors are its own.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)
from graphql.utilities import coerce_input_literal

from schema.execution.coercion import IMMUTABLE, Surprise, default_of

Coerced: TypeAlias = Mapping[str, Any]  # variables
Find: TypeAlias = Callable[[Coerced], Any]  # raises Surprise; Undefined is "not given"
Parts: TypeAlias = (
    "dict[str, tuple[Find | None, bool, object]]"  # by out name: how to find it, whether it must be there, its default
)


class Arguments:
    """Those of one field in one document. Raises Surprise where it is made of what is seldom written."""

    __slots__ = ("_parts",)

    def __init__(self, field: GraphQLField, node: FieldNode) -> None:
        written = {argument.name.value: argument.value for argument in node.arguments or ()}
        self._parts: Parts = {
            argument.out_name or name: (
                _find(written[name], argument.type) if name in written else None,
                is_required_argument(argument),
                default_of(argument),
            )
            for name, argument in field.args.items()
        }

    def of(self, variables: Coerced) -> dict[str, Any]:
        """As graphql-core's `get_argument_values`, of variables that are coerced. Raises Surprise."""
        return _put_in(self._parts, variables)


def _put_in(parts: Parts, variables: Coerced) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (find, is_required, default) in parts.items():
        value = default if find is None else find(variables)
        if value is Undefined:
            if is_required:
                raise Surprise
            value = default
        if value is not Undefined:
            found[name] = value
    return found


def _find(node: ValueNode, kind: GraphQLInputType) -> Find:
    """How the value that is written here is found."""
    if isinstance(node, VariableNode):
        return _find_variable(node.name.value, may_be_null=not is_non_null_type(kind))
    inner = kind.of_type if is_non_null_type(kind) else kind
    if is_input_object_type(inner) and isinstance(node, ObjectValueNode):
        return _find_object(node, inner)
    if is_list_type(inner) and not isinstance(node, NullValueNode):
        return _find_list(node, inner.of_type)
    value = coerce_input_literal(node, kind)
    if value is Undefined or not isinstance(value, IMMUTABLE):
        raise Surprise  # wrong, or one and the same for all requests
    return lambda _variables: value


def _find_variable(name: str, *, may_be_null: bool) -> Find:
    def find(variables: Coerced) -> Any:
        value = variables.get(name, Undefined)
        if value is None and not may_be_null:
            raise Surprise
        return value

    return find


def _find_list(node: ValueNode, item: GraphQLInputType) -> Find:
    # A single value where a list is meant is a list of one.
    finds = [_find(one, item) for one in (node.values if isinstance(node, ListValueNode) else (node,))]

    def find(variables: Coerced) -> list[Any]:
        values = [find_one(variables) for find_one in finds]
        if any(value is Undefined for value in values):
            raise Surprise
        return values

    return find


def _find_object(node: ObjectValueNode, kind: GraphQLInputObjectType) -> Find:
    written = {field.name.value: field.value for field in node.fields}
    if kind.is_one_of or not written.keys() <= kind.fields.keys():
        raise Surprise
    parts: Parts = {}
    for name, field in kind.fields.items():
        find_field = _find(written[name], field.type) if name in written else None
        parts[field.out_name or name] = find_field, is_required_input_field(field), default_of(field)
    # Most fields of most inputs are neither written nor have a default: nothing is looked for there.
    parts = {name: part for name, part in parts.items() if part[0] is not None or part[1] or part[2] is not Undefined}
    make = kind.out_type
    return lambda variables: make(_put_in(parts, variables))
