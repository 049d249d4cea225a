"""What a document selects, counted before it is validated, with fragments expanded by arithmetic.

Each definition is walked once. What its fragments add is added as numbers, so that sixty fragments that each spread the next
one twice are 2^60 fields and a few hundred steps. Validation takes time by the square of what is selected in one place, and
execution by all that is selected: only a document within its bounds gets there, and only such a one is expanded here to see
what is repeated.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)

from schema.errors import VALIDATION_FAILED
from schema.limits import Limits

INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(slots=True)
class Tally:
    """What an operation or a fragment selects."""

    selections: int = 0  # fields and fragments
    aliases: int = 0
    directives: int = 0
    depth: int = 0  # in levels of fields; below __schema and __type nothing counts, where every generator goes deep
    root_fields: int = 0  # those on the uppermost level


@dataclass(frozen=True, slots=True)
class _Spread:
    name: str
    levels_above: int | None  # None below __schema and __type
    node: FragmentSpreadNode


@dataclass(slots=True)
class _Body:
    """A definition by itself, and which fragments come on top."""

    tally: Tally = field(default_factory=Tally)
    spreads: list[_Spread] = field(default_factory=list)


class Tallies:
    """The counts of one document. Raises GraphQLError for what has none: a fragment without end, twice, or for nothing.

    `steps` are the selections that were looked at: as many as the text has, and once more all that it selects, which is bounded.
    """

    def __init__(self, document: DocumentNode) -> None:
        self.steps = 0
        self.operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        self.fragments: dict[str, FragmentDefinitionNode] = {}
        for node in document.definitions:
            if isinstance(node, FragmentDefinitionNode):
                if node.name.value in self.fragments:
                    raise _invalid(f"There can be only one fragment named '{node.name.value}'.", node)
                self.fragments[node.name.value] = node
        self._bodies = {name: self._walk(node) for name, node in self.fragments.items()}
        self._of_fragments: dict[str, Tally] = {}
        self.of_operations = [self._expand(self._walk(operation)) for operation in self.operations]
        for name in self.fragments:
            if name not in self._of_fragments:
                raise _invalid(f"Fragment '{name}' is never used.", self.fragments[name])

    def find_excess(self, limits: Limits) -> str | None:
        """The bound that the document is beyond, if any."""
        if sum(tally.selections for tally in self.of_operations) > limits.document_fields_max:
            return "document_fields_max"
        for tally in self.of_operations:
            for count, bound in (
                (tally.depth, "document_depth_max"),
                (tally.aliases, "document_aliases_max"),
                (tally.directives, "document_directives_max"),
                (tally.root_fields, "document_root_fields_max"),
            ):
                if count > getattr(limits, bound):
                    return bound
        if any(count > limits.document_repeats_max for count in self._repeats()):
            return "document_repeats_max"
        return None

    def _walk(self, definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Body:
        body = _Body()
        tally = body.tally
        tally.directives = len(definition.directives or ())
        for variable in getattr(definition, "variable_definitions", None) or ():
            tally.directives += len(variable.directives or ())
        # A selection set, and how many levels of fields are above it.
        waiting: list[tuple[SelectionSetNode, int | None]] = [(definition.selection_set, 0)]
        while waiting:
            selection_set, above = waiting.pop()
            for selection in selection_set.selections:
                self.steps += 1
                tally.selections += 1
                tally.directives += len(selection.directives or ())
                if isinstance(selection, FragmentSpreadNode):
                    body.spreads.append(_Spread(selection.name.value, above, selection))
                    continue
                below = above
                if isinstance(selection, FieldNode):
                    tally.aliases += selection.alias is not None
                    tally.root_fields += above == 0
                    if above is not None:
                        tally.depth = max(tally.depth, above + 1)
                        below = None if selection.name.value in INTROSPECTION else above + 1
                nested: SelectionSetNode | None = getattr(selection, "selection_set", None)
                if nested is not None:
                    waiting.append((nested, below))
        return body

    def _expand(self, operation: _Body) -> Tally:
        """The whole of an operation. On the way, of all fragments that it reaches."""
        # A path of fragments, each of which spreads the next, without recursion: it may be longer than a stack.
        path: list[tuple[str, _Body, Iterator[_Spread]]] = [("", operation, iter(operation.spreads))]
        on_path = {""}
        while True:
            name, body, spreads = path[-1]
            for spread in spreads:
                if spread.name in on_path:
                    raise _invalid(f"Cannot spread fragment '{spread.name}' within itself.", spread.node)
                if spread.name in self._bodies and spread.name not in self._of_fragments:
                    below = self._bodies[spread.name]
                    path.append((spread.name, below, iter(below.spreads)))
                    on_path.add(spread.name)
                    break
            else:
                path.pop()
                on_path.discard(name)
                tally = self._sum(body)
                if not path:
                    return tally
                self._of_fragments[name] = tally

    def _sum(self, body: _Body) -> Tally:
        tally = replace(body.tally)
        for spread in body.spreads:
            part = self._of_fragments.get(spread.name)
            if part is None:
                continue  # there is none of this name, which validation will say
            tally.selections += part.selections
            tally.aliases += part.aliases
            tally.directives += part.directives
            if spread.levels_above is not None:
                tally.depth = max(tally.depth, spread.levels_above + part.depth)
            if spread.levels_above == 0:
                tally.root_fields += part.root_fields
        return tally

    def _repeats(self) -> Iterator[int]:
        """How many fields are answered under one name in one place, for every name and place: validation compares each two."""
        waiting = [[operation.selection_set] for operation in self.operations]
        while waiting:
            places: dict[str, list[FieldNode]] = {}
            for selection in self._fields(waiting.pop()):
                places.setdefault((selection.alias or selection.name).value, []).append(selection)
            for together in places.values():
                yield len(together)
                nested = [selection.selection_set for selection in together if selection.selection_set is not None]
                if nested:
                    waiting.append(nested)

    def _fields(self, waiting: list[SelectionSetNode]) -> Iterable[FieldNode]:
        """The fields of one place, those of its fragments among them."""
        while waiting:
            for selection in waiting.pop().selections:
                self.steps += 1
                if isinstance(selection, FieldNode):
                    yield selection
                elif isinstance(selection, FragmentSpreadNode):
                    fragment = self.fragments.get(selection.name.value)
                    if fragment is not None:
                        waiting.append(fragment.selection_set)
                else:
                    waiting.append(selection.selection_set)  # type: ignore[attr-defined]


def _invalid(message: str, node: Node) -> GraphQLError:
    """What validation would say, were it safe to ask."""
    return GraphQLError(message, [node], extensions={"code": VALIDATION_FAILED})
