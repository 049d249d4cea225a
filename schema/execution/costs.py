"""What an operation costs before it is run: each field one, times the sizes of all lists that it is in.

The size of a list is its `first` or `last`, from the document, its variables or its defaults, and never more than a page may
have: what asks for more is refused by its field. Lists that take neither count as a page. An operation is read once; for each
request only its variables are put in. Introspection is measured apart and against itself: it may cost twice what the document that
every generator sends costs, so that it passes however large the schema grows, and its lists within lists do not.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
)

from schema.execution.tallies import INTROSPECTION, Tallies
from schema.limits import OF_INTROSPECTION, Limits

SIZES = ("first", "last")
INTROSPECTION_LIST_SIZE = 8  # about as many fields as a type has
INTROSPECTION_TIMES_MAX = 2  # the cost of the document that generators send
INTROSPECTION_FIELDS_PER_FIELD = 10  # which take as long to answer as one other: 0.1 us was measured, and 1 us


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a list that variables decide: the largest of what is written and of what each variable says."""

    written: int
    variables: tuple[tuple[str, int], ...]  # each with what it counts as when it is not sent


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operation: how many fields there are under the same lists, and how often introspection is answered."""

    fields: tuple[tuple[int, tuple[Size, ...]], ...]
    introspection: int


class _Place(NamedTuple):
    """Where fields are selected: of which type, how often, under which lists."""

    selection_set: SelectionSetNode
    parent: GraphQLNamedType | None
    times: int = 1
    lists: tuple[Size, ...] = ()
    is_introspection: bool = False


class Costs:
    """Reads operations that are valid and whose fields are few, for one schema."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits

    def of(self, operation: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]) -> Cost:
        """The cost of an operation, variables not yet put in."""
        defaults = {
            variable.variable.name.value: self._written(variable.default_value)
            for variable in operation.variable_definitions or ()
            if variable.default_value is not None
        }
        fields: Counter[tuple[Size, ...]] = Counter()
        introspection = 0
        waiting = [_Place(operation.selection_set, self._schema.get_root_type(operation.operation))]
        while waiting:
            place = waiting.pop()
            for selection in place.selection_set.selections:
                if isinstance(selection, FieldNode):
                    if place.is_introspection:
                        introspection += place.times
                    else:
                        fields[place.lists] += place.times
                    waiting += self._below_field(selection, place, defaults)
                elif isinstance(selection, FragmentSpreadNode):
                    fragment = fragments[selection.name.value]
                    kind = self._schema.get_type(fragment.type_condition.name.value)
                    waiting.append(place._replace(selection_set=fragment.selection_set, parent=kind))
                elif isinstance(selection, InlineFragmentNode):
                    condition = selection.type_condition
                    kind = place.parent if condition is None else self._schema.get_type(condition.name.value)
                    waiting.append(place._replace(selection_set=selection.selection_set, parent=kind))
        return Cost(tuple((count, lists) for lists, count in fields.items()), introspection)

    def find_excess(self, cost: Cost, total: int) -> str | None:
        """The bound that an operation of this total is beyond, if any."""
        if cost.introspection and cost.introspection > self._introspection_max:
            return OF_INTROSPECTION
        return "document_cost_max" if total > self._limits.document_cost_max else None

    def price(self, cost: Cost, total: int) -> int:
        """What an operation of this total counts against the rate of its caller, introspection included."""
        return total + cost.introspection // INTROSPECTION_FIELDS_PER_FIELD

    def total(self, cost: Cost, variables: dict[str, object] | None) -> int:
        """The cost with these variables, introspection left out."""
        return sum(
            count * prod(self._sent(size, variables or {}) for size in lists) if lists else count
            for count, lists in cost.fields
        )

    @cached_property
    def _introspection_max(self) -> int:
        text = get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
            one_of=True,
        )
        tallies = Tallies(parse(text))
        return INTROSPECTION_TIMES_MAX * self.of(tallies.operations[0], tallies.fragments).introspection

    def _below_field(self, selection: FieldNode, place: _Place, defaults: dict[str, int]) -> Iterator[_Place]:
        definition = self._schema.get_field(place.parent, selection.name.value)  # type: ignore[arg-type]
        if selection.selection_set is None or definition is None:
            return
        below = place._replace(
            selection_set=selection.selection_set,
            parent=get_named_type(definition.type),
            is_introspection=place.is_introspection or selection.name.value in INTROSPECTION,
        )
        size = self._size(selection, definition, place.parent, defaults, is_introspection=below.is_introspection)
        if isinstance(size, Size):
            yield below._replace(lists=(*place.lists, size))
        else:
            yield below._replace(times=place.times * size)

    def _size(
        self,
        selection: FieldNode,
        definition: GraphQLField,
        parent: GraphQLNamedType | None,
        defaults: dict[str, int],
        *,
        is_introspection: bool,
    ) -> int | Size:
        is_list = is_list_type(get_nullable_type(definition.type))
        if is_introspection:
            if not is_list:
                return 1
            return len(self._schema.type_map) if selection.name.value == "types" else INTROSPECTION_LIST_SIZE
        taken = [definition.args[name] for name in SIZES if name in definition.args]
        if taken:
            return self._asked(selection, taken[0], defaults)
        # The lists of a page are the page, and that was counted where it was asked for.
        is_page = "pageInfo" in getattr(parent, "fields", ())
        return self._limits.page_size_default if is_list and not is_page else 1

    def _asked(self, selection: FieldNode, argument: GraphQLArgument, defaults: dict[str, int]) -> int | Size:
        values = [node.value for node in selection.arguments or () if node.name.value in SIZES]
        unsaid = self._bounded(argument.default_value)
        variables = [value.name.value for value in values if isinstance(value, VariableNode)]
        written = [self._written(value) for value in values if not isinstance(value, VariableNode)]
        if not variables:
            return max(written, default=unsaid)
        return Size(max(written, default=0), tuple((name, defaults.get(name, unsaid)) for name in variables))

    def _written(self, value: ValueNode) -> int:
        return self._bounded(int(value.value) if isinstance(value, IntValueNode) else None)

    def _sent(self, size: Size, variables: dict[str, object]) -> int:
        said = (self._bounded(variables[name]) if name in variables else unsaid for name, unsaid in size.variables)
        return max(size.written, *said)

    def _bounded(self, value: object) -> int:
        if isinstance(value, int | float):
            return int(min(max(value, 0), self._limits.page_size_max))
        return self._limits.page_size_default
