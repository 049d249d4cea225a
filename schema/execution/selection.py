"""What a document selects below a field, as dotted paths in the records' names, so that only that is read.

`@skip` and `@include` are honoured, aliases do not matter, fragments are part of what spreads them.
"""

from collections.abc import Iterator, Sequence

from strawberry.types.info import Info
from strawberry.types.nodes import SelectedField
from strawberry.types.nodes import Selection as Node
from strawberry.utils.str_converters import to_snake_case

from trailcast.ledger.columns import Selection

EDGE_NODE, NODES = "edges.node", "nodes"


def selection(info: Info, *steps: str) -> Selection:
    """The paths below this field, or below `steps` (`edges.node`) from it."""
    prefix = "".join(f"{step}." for step in steps)
    paths = {path for field in info.selected_fields for path in _paths(field.selections, "")}
    return frozenset(path.removeprefix(prefix) for path in paths if path.startswith(prefix))


def page_selection(info: Info) -> Selection | None:
    """What is read of each item of a connection; None where neither items nor page information are asked for."""
    here = {path.partition(".")[0] for path in selection(info)}
    if not here & {"edges", "nodes", "page_info"}:
        return None
    return selection(info, EDGE_NODE) | selection(info, NODES)


def payload_selection(info: Info, field: str) -> Selection | None:
    """What is read of the written thing in a payload; None where it is not asked back."""
    return selection(info, field) if field in selection(info) else None


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
