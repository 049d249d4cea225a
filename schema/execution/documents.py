"""Documents, parsed and validated once: bounded caches by text, for the operations that are not run by strawberry's own pipeline."""

from collections.abc import Iterator
from functools import lru_cache

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
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

DOCUMENTS_CACHED_MAX = 1000
DOCUMENT_TOKENS_MAX = 2000  # GraphiQL's own introspection document has about 500


@lru_cache(maxsize=DOCUMENTS_CACHED_MAX)
def parse_document(text: str) -> DocumentNode:
    """The document. Raises GraphQLSyntaxError, which is not cached."""
    return parse(text, max_tokens=DOCUMENT_TOKENS_MAX)


@lru_cache(maxsize=DOCUMENTS_CACHED_MAX)
def validate_document(schema: GraphQLSchema, text: str, *, introspection: bool) -> tuple[GraphQLError, ...]:
    """What is wrong with the document, for this schema. Raises GraphQLSyntaxError."""
    rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
    return tuple(validate(schema, parse_document(text), rules))


def find_syntax_error(text: str) -> GraphQLError | None:
    """What keeps the text from being a document at all."""
    try:
        parse_document(text)
    except GraphQLError as error:
        return error
    return None


def is_subscription(text: str, operation_name: str | None) -> bool:
    """Whether running this document means following a stream. Where it cannot be told which operation is meant, it does not."""
    operation: OperationDefinitionNode | None = get_operation_ast(parse_document(text), operation_name)
    return operation is not None and operation.operation is OperationType.SUBSCRIPTION


@lru_cache(maxsize=DOCUMENTS_CACHED_MAX)
def variables_below_root(text: str, operation_name: str | None) -> frozenset[str]:
    """The variables of a valid operation that can change how an answer looks: all but those that only root fields are given."""
    document = parse_document(text)
    operation: OperationDefinitionNode | None = get_operation_ast(document, operation_name)
    if operation is None:
        return frozenset()
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    found: set[str] = set()
    seen: set[tuple[str, bool]] = set()
    waiting: list[tuple[SelectionSetNode, bool]] = [(operation.selection_set, True)]
    while waiting:
        selections, at_root = waiting.pop()
        for selection in selections.selections:
            found.update(_variables_of(selection, arguments=not at_root))
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if (name, at_root) not in seen:
                    seen.add((name, at_root))
                    waiting.append((fragments[name].selection_set, at_root))
                continue
            nested: SelectionSetNode | None = getattr(selection, "selection_set", None)
            if nested is not None:
                waiting.append((nested, at_root and not isinstance(selection, FieldNode)))
    return frozenset(found)


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
