"""Documents, read and validated once: the one way in for HTTP, sockets and event streams.

A text becomes a document within its bounds (`schema.limits`) or is refused, at a price in proportion to its length. What was read is
kept by its text, under a bound in bytes; what turns out not to be valid is kept no longer.
"""

from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails

from resolvers.context import Spend
from schema.errors import ERRORS_MAX, request_error
from schema.execution.coercion import Variables
from schema.execution.compiled import FIELD_BYTES, KEPT_FIELDS_PER_SELECTION, Kept
from schema.execution.costs import Cost, Costs
from schema.execution.tallies import Tallies
from schema.execution.tokens import find_excess_of_text
from schema.limits import Limits, find_excess_of_variables
from trailcast.errors import RateLimited

DOCUMENTS_CACHED_BYTES_MAX = 67_108_864
TOKEN_BYTES = 512  # of the tree that is built of a token; 330 to 490 were measured
CHARACTER_BYTES = 4  # at most


class Operation:
    """One operation of a document."""

    def __init__(
        self, node: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode], selections: int
    ) -> None:
        self.node = node
        self.name = node.name.value if node.name is not None else None
        self._variables: Variables | None = None
        self.cost: Cost | None = None  # until its document was found valid
        self.fragments = fragments
        self.fragment_details = {name: FragmentDetails(fragment) for name, fragment in fragments.items()}
        self.kept = Kept(KEPT_FIELDS_PER_SELECTION * selections)

    def variables(self, schema: GraphQLSchema) -> Variables:
        """What coerces its variables."""
        if self._variables is None:
            self._variables = Variables(schema, self.node.variable_definitions or ())
        return self._variables

    @property
    def is_subscription(self) -> bool:
        """Whether running it means following a stream."""
        return self.node.operation is OperationType.SUBSCRIPTION

    @cached_property
    def variables_below_root(self) -> frozenset[str]:
        """The variables that can change how an answer looks: all but those that only root fields are given."""
        found: set[str] = set()
        seen: set[tuple[str, bool]] = set()
        waiting: list[tuple[SelectionSetNode, bool]] = [(self.node.selection_set, True)]
        while waiting:
            selections, at_root = waiting.pop()
            for selection in selections.selections:
                found.update(_variables_of(selection, arguments=not at_root))
                if isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    if (name, at_root) not in seen:
                        seen.add((name, at_root))
                        waiting.append((self.fragments[name].selection_set, at_root))
                    continue
                nested: SelectionSetNode | None = getattr(selection, "selection_set", None)
                if nested is not None:
                    waiting.append((nested, at_root and not isinstance(selection, FieldNode)))
        return frozenset(found)


class Document:
    """A document within its bounds. `errors` are what makes it invalid: None until somebody asked."""

    def __init__(self, text: str, node: DocumentNode, tallies: Tallies) -> None:
        self.text = text
        self.node = node
        self.errors: list[GraphQLError] | None = None
        self.operations = [
            Operation(operation, tallies.fragments, tally.selections)
            for operation, tally in zip(tallies.operations, tallies.of_operations, strict=True)
        ]
        # What will be worked out of it counts from the beginning, so that nothing has to be weighed twice.
        fields_max = sum(operation.kept.fields_max for operation in self.operations)
        self.weight_bytes = CHARACTER_BYTES * len(text) + TOKEN_BYTES * node.token_count + FIELD_BYTES * fields_max

    def find_operation(self, name: str | None) -> Operation:
        """The operation that is meant. Raises GraphQLError where it cannot be told."""
        meant = self.operations if name is None else [one for one in self.operations if one.name == name]
        if not meant:
            raise request_error(
                "The document has no such operation: send one, and its own name as operationName or none."
            )
        if name is None and len(meant) > 1:
            raise request_error("The document has several operations: say which one with operationName.")
        return meant[0]


class Documents:
    """All documents of one schema."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._costs = Costs(schema, limits)
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._kept_bytes = 0

    def read(self, text: str) -> Document:
        """The document. Raises GraphQLError for what is none, and for what is beyond a bound."""
        document = self._kept.get(text)
        if document is not None:
            self._kept.move_to_end(text)
            return document
        self._refuse(find_excess_of_text(text, self._limits))
        node = parse(text, max_tokens=self._limits.document_tokens_max)
        tallies = Tallies(node)
        self._refuse(tallies.find_excess(self._limits))
        document = Document(text, node, tallies)
        self._keep(document)
        return document

    def find_errors(
        self, document: Document, operation: Operation, variables: dict[str, object] | None, spend: Spend
    ) -> list[GraphQLError]:
        """What keeps the operation from being run: what is invalid, or what is beyond a bound with these variables, or that its
        caller cannot spend what it costs."""
        if document.errors is None:
            self._validate(document)
        if document.errors:
            return document.errors
        assert operation.cost is not None
        excess = find_excess_of_variables(variables, self._limits)
        if excess is not None:
            return [self._limits.refusal(excess)]
        total = self._costs.total(operation.cost, variables)
        excess = self._costs.find_excess(operation.cost, total)
        if excess is not None:
            return [self._limits.refusal(excess)]
        try:
            spend(self._costs.price(operation.cost, total))
        except RateLimited as error:
            return [GraphQLError(error.message, original_error=error)]
        return []

    def _validate(self, document: Document) -> None:
        document.errors = validate(self._schema, document.node, self._rules, max_errors=ERRORS_MAX)
        if document.errors:
            self._forget(document)
            return
        for operation in document.operations:
            operation.cost = self._costs.of(operation.node, operation.fragments)

    def _refuse(self, excess: str | None) -> None:
        if excess is not None:
            raise self._limits.refusal(excess)

    def _keep(self, document: Document) -> None:
        self._kept[document.text] = document
        self._kept_bytes += document.weight_bytes
        while self._kept_bytes > DOCUMENTS_CACHED_BYTES_MAX:
            self._forget(next(iter(self._kept.values())))

    def _forget(self, document: Document) -> None:
        if self._kept.pop(document.text, None) is not None:
            self._kept_bytes -= document.weight_bytes


def _variables_of(selection: SelectionNode, *, arguments: bool) -> Iterator[str]:
    """The variables in the directives of a selection and, if asked for, in its arguments."""
    waiting: list[Node] = [
        argument.value for directive in selection.directives or () for argument in directive.arguments or ()
    ]
    if arguments and isinstance(selection, FieldNode):
        waiting += [argument.value for argument in selection.arguments or ()]
    while waiting:
        node = waiting.pop()
        if isinstance(node, VariableNode):
            yield node.name.value
        waiting += getattr(node, "values", ())
        waiting += [field.value for field in getattr(node, "fields", ())]
