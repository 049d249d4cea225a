"""Variables coerced by functions that were made for their types, once.

graphql-core asks for each value of each field anew of which type it is, and walks the whole input a second time to see how deep it is:
of a batch of a thousand events that takes longer than anything else that is done in Python. The functions made here know no errors. On
anything unusual (a null that may not be, an unknown field, a value of another type, a single value where a list is meant, a type that
contains itself) they give up, and graphql-core coerces all variables from the beginning: errors are its own, and so is what it makes
of such values.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeAlias

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    VariableDefinitionNode,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.execution import get_variable_values
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities.coerce_input_value import coerce_default_value

Coerce: TypeAlias = Callable[[Any], Any]

COERCION_ERRORS_MAX = 50  # graphql-core's own
INPUT_TYPES_KEPT_MAX = 1000

# Values of just this class are what graphql-core makes of them.
_UNCHANGED: Mapping[object, type] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}
IMMUTABLE = (str, int, float, bool, type(None), datetime, Enum)


class Surprise(Exception):
    """A value is not as most are: graphql-core is to look at it."""


class Variables:
    """The variables that an operation declares. Made once for each operation."""

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        try:
            self._declared = [_declared(schema, definition) for definition in definitions]
        except (Surprise, GraphQLError, TypeError):
            self._declared = []
            self._is_usual = False
        else:
            self._is_usual = True

    def coerce(self, inputs: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """What graphql-core's `get_variable_values` answers."""
        if self._is_usual:
            try:
                return self._coerce(inputs)
            except Exception:  # noqa: BLE001, S110 - graphql-core meets the same, and knows what to say of it
                pass
        return get_variable_values(self._schema, self._definitions, dict(inputs), max_errors=COERCION_ERRORS_MAX)

    def _coerce(self, inputs: Mapping[str, Any]) -> VariableValues:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, coerce, default in self._declared:
            name = signature.name
            value = inputs.get(name, Undefined)
            if value is not Undefined:
                sources[name] = VariableValueSource(signature, value)
                coerced[name] = coerce(value)
                continue
            sources[name] = VariableValueSource(signature)
            if default is not Undefined:
                coerced[name] = default
            elif is_non_null_type(signature.type):
                raise Surprise
        return VariableValues(sources, coerced)


def _declared(
    schema: GraphQLSchema, definition: VariableDefinitionNode
) -> tuple[GraphQLVariableSignature, Coerce, object]:
    signature = get_variable_signature(schema, definition)
    if isinstance(signature, GraphQLError):
        raise signature
    _, coerce = _coercer(signature.type)
    return signature, coerce, default_of(signature)


def default_of(declared: GraphQLVariableSignature | GraphQLInputField | GraphQLArgument) -> object:
    """What stands for a value that is not given, or Undefined. Raises Surprise."""
    default = coerce_default_value(declared)
    if default is not Undefined and not isinstance(default, IMMUTABLE):
        raise Surprise  # it would be one and the same for all requests
    return default


def _coercer(kind: GraphQLInputType) -> tuple[type | None, Coerce]:
    """The class of the values that stay as they are, if any, and what is made of all others."""
    if is_non_null_type(kind):
        unchanged, coerce_inner = _coercer(kind.of_type)

        def coerce(value: Any) -> Any:
            if value is None:
                raise Surprise
            return coerce_inner(value)

        return unchanged, coerce
    if is_list_type(kind):
        return None, _list_coercer(kind.of_type)
    if is_input_object_type(kind):
        return None, _object_coercer(kind)
    assert is_leaf_type(kind)
    return _UNCHANGED.get(kind), _leaf_coercer(kind.coerce_input_value)


def _leaf_coercer(coerce_leaf: Coerce) -> Coerce:
    def coerce(value: Any) -> Any:
        if value is None:
            return None
        coerced = coerce_leaf(value)
        if coerced is Undefined:
            raise Surprise
        return coerced

    return coerce


def _list_coercer(item: GraphQLInputType) -> Coerce:
    unchanged, coerce_item = _coercer(item)

    def coerce(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not list:
            raise Surprise
        return [one if type(one) is unchanged else coerce_item(one) for one in value]

    return coerce


@lru_cache(maxsize=INPUT_TYPES_KEPT_MAX)
def _object_coercer(kind: GraphQLInputObjectType) -> Coerce:
    if kind.is_one_of or _contains(kind, kind):
        raise Surprise
    fields: dict[str, tuple[str, type | None, Coerce]] = {}
    required = [name for name, field in kind.fields.items() if is_required_input_field(field)]
    defaults: dict[str, object] = {}
    for name, field in kind.fields.items():
        out_name = field.out_name or name
        fields[name] = (out_name, *_coercer(field.type))
        if (default := default_of(field)) is not Undefined:
            defaults[out_name] = default
    make = kind.out_type

    def coerce(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dict:
            raise Surprise
        for name in required:
            if name not in value:
                raise Surprise
        coerced = defaults.copy()
        for name, inner in value.items():
            out_name, unchanged, coerce_field = fields[name]
            coerced[out_name] = inner if type(inner) is unchanged else coerce_field(inner)
        return make(coerced)

    return coerce


def _contains(kind: GraphQLInputObjectType, wanted: GraphQLInputObjectType) -> bool:
    """Whether values of a type may hold values of another, at any depth."""
    seen: set[GraphQLInputObjectType] = set()
    waiting = [kind]
    while waiting:
        for field in waiting.pop().fields.values():
            inner = field.type
            while is_non_null_type(inner) or is_list_type(inner):
                inner = inner.of_type
            if inner is wanted:
                return True
            if is_input_object_type(inner) and inner not in seen:
                seen.add(inner)
                waiting.append(inner)
    return False
