"""The schema, put together: the roots, the scalars, the rules that every document passes, and how an operation is run.

Strawberry is where the schema is written and what resolves its fields. Between a text and its answer it would do for each request
what is done once here: documents are read and validated once, and completed by functions that were compiled for them
(`schema.execution.compiled`). What a request must be is said in `Schema.execute`; subscriptions begin in `schema.execution.following`.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import strawberry
from graphql import ExecutionResult as CoreResult
from graphql import GraphQLError, default_field_resolver, default_type_resolver
from strawberry.exceptions import MissingQueryError
from strawberry.execution import optimized_is_awaitable
from strawberry.printer import print_schema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from resolvers.context import Context
from schema.directory import Agent, Board, Task, User, Workspace
from schema.errors import request_error, translate, translate_all, translated
from schema.execution.compiled import CompilingExecutor
from schema.execution.documents import Document, Documents, Operation
from schema.execution.resolving import call_directly
from schema.limits import Limits
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import configuration
from schema.subscription import Subscription
from trailcast.settings import Settings

Variables = dict[str, Any] | None


class Schema(strawberry.Schema):
    """strawberry's, with documents and an executor of its own, and silent: it would log every error with its traceback, a caller's
    typing mistakes too. What is worth a line is logged where errors are turned outward (`schema.errors`)."""

    def __init__(self, limits: Limits, *, introspection: bool, **parts: Any) -> None:
        super().__init__(**parts, execution_context_class=CompilingExecutor)
        call_directly(self._schema, self.config, self.schema_converter.scalar_registry)
        self.documents = Documents(self._schema, limits, introspection=introspection)

    async def execute(
        self,
        query: str | None,
        variable_values: Variables = None,
        context_value: Any = None,
        root_value: Any = None,  # noqa: ARG002 - upstream's
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,  # noqa: ARG002 - upstream's
    ) -> ExecutionResult:
        """The answer to a query or a mutation, its errors as the client may see them. In upstream's place, and raises the same where
        it cannot be told what is asked: MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError."""
        if not query:
            raise MissingQueryError
        try:
            document = self.documents.read(query)
            operation = _find_operation(document, operation_name, allowed_operation_types)
            errors = (
                [request_error("A subscription needs a socket: connect with the subprotocol graphql-transport-ws.")]
                if operation.is_subscription
                else self.documents.find_errors(document, operation, variable_values, context_value.spend)
            )
            if errors:
                return PreExecutionError(None, translate_all(errors))
            result = await self._run(operation, variable_values, context_value)
        except (CannotGetOperationTypeError, InvalidOperationTypeError):
            raise
        except GraphQLError as error:
            return PreExecutionError(None, [translate(error)])
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer, and not a word of it
            return PreExecutionError(None, [translated(error)])
        return ExecutionResult(result.data, translate_all(result.errors) if result.errors else None)

    def executor(
        self, operation: Operation, variables: Variables, context: Context | None
    ) -> CompilingExecutor | list[GraphQLError]:
        """What runs an operation with these variables, or why they do not fit."""
        values = operation.variables(self._schema).coerce(variables or {})
        if isinstance(values, list):
            return values
        return CompilingExecutor(
            self._schema, operation.fragments, operation.fragment_details, None, context, operation.node, values,
            default_field_resolver, default_type_resolver, default_field_resolver,
            is_awaitable=optimized_is_awaitable, kept=operation.kept,
        )  # fmt: skip

    async def _run(self, operation: Operation, variables: Variables, context: Context) -> CoreResult:
        executor = self.executor(operation, variables, context)
        return CoreResult(None, executor) if isinstance(executor, list) else await executor.run()

    def _extend_introspection(self) -> None:
        """Nothing: upstream's `isOneOf` fails for wrapped types and says false where the specification says null; the one of
        graphql-core, which upstream would replace for the whole process, knows better."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: see there."""


def _find_operation(document: Document, name: str | None, allowed: Iterable[OperationType] | None) -> Operation:
    try:
        operation = document.find_operation(name)
    except GraphQLError:
        if name is None:
            raise
        raise CannotGetOperationTypeError(name) from None
    kind = OperationType(operation.node.operation.value)
    if allowed is not None and kind not in allowed:
        raise InvalidOperationTypeError(kind)
    return operation


@cache
def build(limits: Limits | None = None, *, introspection: bool = True) -> Schema:
    """The schema of a server; without limits, with those that are set by default. Built once for each kind, with what it caches."""
    return Schema(
        limits or Limits.of(Settings.model_construct()),
        introspection=introspection,
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Workspace, Board, Task, Agent, User],
        config=configuration(),
    )


def schema_text() -> str:
    """The contract as it is committed in `schema.graphql`."""
    return print_schema(build()) + "\n"
