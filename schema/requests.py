"""What every request must be, beyond a valid document: one operation that is named where there are several, on a fit transport."""

from collections.abc import Iterator

from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from schema.errors import request_error


class RequestRules(SchemaExtension):
    """Refuses before validation, so that nothing of such a request is executed."""

    def on_validate(self) -> Iterator[None]:
        problem = self._problem()
        if problem is not None:
            self.execution_context.pre_execution_errors = [problem]
        yield

    def _problem(self) -> GraphQLError | None:
        execution = self.execution_context
        document = execution.graphql_document
        operations = (
            [node for node in document.definitions if isinstance(node, OperationDefinitionNode)] if document else []
        )
        # Upstream's `operation_name` falls back to the first operation's; what the client sent has no public name.
        if len(operations) > 1 and execution._provided_operation_name is None:  # noqa: SLF001
            return request_error("The document has several operations: say which one with operationName.")
        # A socket's context holds the payload of its `connection_init`, be it empty; a plain request has one answer.
        if execution.operation_type is OperationType.SUBSCRIPTION:
            return request_error("A subscription needs a socket: connect with the subprotocol graphql-transport-ws.")
        return None
