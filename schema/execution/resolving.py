"""Resolvers that are called with what graphql-core has coerced, without being asked anew for each request what they take.

strawberry finds out at every call which arguments a field has, by which names, of which types, whether it wants its object or the
`info`, and who stands in between. None of that changes, so it is found out once, when the schema is built, and a field's function
in graphql-core's schema becomes one that just calls. Fields with extensions, permissions or arguments of any other kind than those
known here keep strawberry's own.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from graphql import GraphQLSchema, is_object_type
from strawberry.scalars import is_scalar
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import InputContext
from strawberry.types.base import StrawberryList, StrawberryOptional, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info
from strawberry.types.lazy_type import LazyType

from schema.execution.functions import DEFINITION

Convert: TypeAlias = Callable[[Any], Any]
Resolve: TypeAlias = Callable[..., Any]


class Unusual(Exception):
    """This field is better left to strawberry."""


def call_directly(schema: GraphQLSchema, config: StrawberryConfig, scalars: Mapping[object, object]) -> None:
    """Give each field of the schema that can have it a function that only calls its resolver."""
    root = schema.subscription_type
    for kind in schema.type_map.values():
        if not is_object_type(kind) or kind is root:
            continue
        for field in kind.fields.values():
            definition = (field.extensions or {}).get(DEFINITION)
            if isinstance(definition, StrawberryField) and definition.base_resolver is not None:
                try:
                    field.resolve = _resolver(definition, config, scalars)
                except Unusual:
                    continue


def _resolver(field: StrawberryField, config: StrawberryConfig, scalars: Mapping[object, object]) -> Resolve:
    resolver = field.base_resolver
    assert resolver is not None
    if field.extensions or resolver.parent_parameter or resolver.root_parameter:
        raise Unusual
    function = cast("Resolve", resolver.wrapped_func)
    wants_self = resolver.self_parameter is not None
    wants_info = resolver.info_parameter.name if resolver.info_parameter is not None else None
    converts: dict[str, tuple[str, Convert | None]] = {}
    for argument in field.arguments:
        name = config.name_converter.from_argument(argument)
        converts[name] = (argument.python_name, _converter(argument.type, config, scalars, name))

    def resolve(source: Any, info: Any, **given: Any) -> Any:
        named: dict[str, Any] = {}
        for name, value in given.items():
            python_name, convert = converts[name]
            named[python_name] = value if convert is None or value is None else convert(value)
        if wants_info is not None:
            named[wants_info] = Info(_raw_info=info, _field=field)
        return function(source, **named) if wants_self else function(**named)

    return resolve


def _converter(kind: Any, config: StrawberryConfig, scalars: Mapping[object, object], name: str) -> Convert | None:
    """What makes of a coerced value that is there what the resolver takes; None where it is that already."""
    while isinstance(kind, StrawberryOptional | LazyType):
        kind = kind.of_type if isinstance(kind, StrawberryOptional) else kind.resolve_type()
    if isinstance(kind, StrawberryList):
        convert = _converter(kind.of_type, config, scalars, name)
        if convert is None:
            return list  # a copy: a default is one and the same for all requests
        return lambda values: [value if value is None else convert(value) for value in values]
    if has_enum_definition(kind) or isinstance(kind, StrawberryEnumDefinition):
        return None
    if has_object_definition(kind):
        make = kind.__strawberry_definition__.from_input
        if make is None:
            raise Unusual
        context = InputContext(info=None, config=config, scalar_registry=scalars, path=(name,))  # type: ignore[arg-type]
        return lambda value: make(cast("type", kind), value, context)
    if is_scalar(kind, scalars):  # type: ignore[arg-type]
        return None
    raise Unusual
