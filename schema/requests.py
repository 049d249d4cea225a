"""What every request must be: a document within its bounds and valid, one operation that is named where there are several, and
on a fit transport."""

from collections.abc import Iterator

from graphql import GraphQLError
from strawberry.extensions import SchemaExtension

from schema.errors import request_error
from schema.execution.documents import Document, Documents


class RequestRules(SchemaExtension):
    """Parses and validates in upstream's place, and refuses before anything is executed."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._document: Document | None = None

    def on_parse(self) -> Iterator[None]:
        """Raises GraphQLError, which upstream makes the answer."""
        execution = self.execution_context
        self._document = self._documents.read(execution.query or "")
        execution.graphql_document = self._document.node
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = self._find_errors()
        yield

    def _find_errors(self) -> list[GraphQLError]:
        execution, document = self.execution_context, self._document
        assert document is not None
        # Upstream's `operation_name` falls back to the first operation's; what the client sent has no public name.
        name = execution._provided_operation_name  # noqa: SLF001
        try:
            operation = document.find_operation(name)
        except GraphQLError as error:
            return [error]
        if operation.is_subscription:
            return [request_error("A subscription needs a socket: connect with the subprotocol graphql-transport-ws.")]
        return self._documents.find_errors(document, operation, execution.variables, execution.context.spend)
