"""What a document selects below a field, as dotted paths in the records' names, so that only that is read.

`@skip` and `@include` are honoured, aliases do not matter, fragments are part of what spreads them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    VariableNode,
    get_argument_values,
    get_named_type,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import VariableValues
from strawberry.types.info import Info
from strawberry.types.nodes import SelectedField
from strawberry.types.nodes import Selection as Node
from strawberry.utils.str_converters import to_snake_case

from schema.execution.compiled import EXECUTOR, KEPT, CompilingExecutor, Kept, conditions_of
from schema.execution.shaping import shape_of_items
from trailcast.ledger.columns import Selection
from trailcast.ledger.json_rows import Shape


class PageSelection(NamedTuple):
    """What is asked for of a page's items: the paths to read and, where PostgreSQL can write them, their shape."""

    selection: Selection | None
    shape: Shape | None = None


Found = TypeVar("Found", Selection, PageSelection, tuple["_Call", ...])
EDGE_NODE, NODES = "edges.node", "nodes"


def selection(info: Info) -> Selection:
    """The paths below this field."""
    return _kept(info, "all", lambda: _read(info))


def page_selection(info: Info) -> PageSelection:
    """What is read of each item of a connection: nothing where neither items nor page information are asked for."""

    def read() -> PageSelection:
        found = _read(info)
        if not {path.partition(".")[0] for path in found} & {"edges", "nodes", "page_info"}:
            return PageSelection(None)
        return PageSelection(_below(found, f"{EDGE_NODE}.") | _below(found, f"{NODES}."), _shape(info))

    return _kept(info, "page", read)


def _shape(info: Info) -> Shape | None:
    raw = info._raw_info  # noqa: SLF001 - as below
    connection = get_named_type(raw.return_type)
    assert isinstance(connection, GraphQLObjectType)
    executor: CompilingExecutor = raw.operation_extensions[EXECUTOR]  # type: ignore[attr-defined]
    return shape_of_items(executor, connection, [FieldDetails(node, None) for node in raw.field_nodes])


def payload_selection(info: Info, field: str) -> Selection | None:
    """What is read of the written thing in a payload; None where it is not asked back."""
    found = selection(info)
    return _below(found, f"{field}.") if field in found else None


def calls(info: Info, name: str) -> list[dict[str, Any]]:
    """The arguments of each selection of a field right below this one. Where they are wrong, the field itself will say so."""
    raw = info._raw_info  # noqa: SLF001 - as below

    def read() -> tuple[_Call, ...]:
        kind = get_named_type(raw.return_type)
        assert isinstance(kind, GraphQLObjectType)
        executor: CompilingExecutor = raw.operation_extensions[EXECUTOR]  # type: ignore[attr-defined]
        selected, _, _ = executor.collect_subfields(kind, [FieldDetails(node, None) for node in raw.field_nodes])
        nodes = [details[0].node for details in selected.values()]
        return tuple(_Call(kind.fields[name], node) for node in nodes if node.name.value == name)

    found = [call.arguments(info.variable_values) for call in _kept(info, f"calls of {name}", read)]
    return [arguments for arguments in found if arguments is not None]


class _Call:
    """One selection of a field, whose arguments are read once where no variable is in them."""

    def __init__(self, field: GraphQLField, node: FieldNode) -> None:
        self._field = field
        self._node = node
        is_constant = not any(isinstance(argument.value, VariableNode) for argument in node.arguments or ())
        self._constant = self._read({}) if is_constant else None

    def arguments(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        return self._constant or self._read(variables)

    def _read(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return get_argument_values(self._field, self._node, VariableValues({}, variables))
        except GraphQLError:
            return None


def _kept(info: Info, what: str, read: Callable[[], Found]) -> Found:
    """What is read of the document, once for each operation and for what its conditions leave in."""
    raw = info._raw_info  # noqa: SLF001 - upstream's own makes copies of the nodes, anew for each request
    kept = (raw.operation_extensions or {}).get(KEPT) or Kept(0)  # type: ignore[attr-defined]
    key = what, tuple([id(node) for node in raw.field_nodes]), conditions_of(info.variable_values)

    def make() -> tuple[Found, int]:
        found = read()
        return found, len(_read(info))

    return kept.find(key, make)


def _read(info: Info) -> Selection:
    return frozenset(path for field in info.selected_fields for path in _paths(field.selections, ""))


def _below(found: Selection, prefix: str) -> Selection:
    return frozenset(path.removeprefix(prefix) for path in found if path.startswith(prefix))


def _paths(nodes: Sequence[Node], prefix: str) -> Iterator[str]:
    for node in nodes:
        if _left_out(node):
            continue
        if not isinstance(node, SelectedField):
            yield from _paths(node.selections, prefix)
            continue
        path = prefix + to_snake_case(node.name)
        yield path
        yield from _paths(node.selections, f"{path}.")


def _left_out(node: Node) -> bool:
    skipped = node.directives.get("skip", {}).get("if", False)
    return bool(skipped) or not node.directives.get("include", {}).get("if", True)
