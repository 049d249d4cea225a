"""Documents, parsed and validated once: bounded caches by text, for the operations that are not run by strawberry's own pipeline."""

from functools import lru_cache

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
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
