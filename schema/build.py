"""The schema, put together: the roots, the scalars, the rules that every document passes."""

from collections.abc import Callable
from functools import cache

import strawberry
from graphql import GraphQLError, NoSchemaIntrospectionCustomRule
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.printer import print_schema
from strawberry.types import ExecutionContext

from schema.directory import Agent, Board, Task, User, Workspace
from schema.errors import TranslateErrors
from schema.execution.documents import DOCUMENT_TOKENS_MAX, DOCUMENTS_CACHED_MAX
from schema.mutation import Mutation
from schema.query import Query
from schema.requests import RequestRules
from schema.scalars import configuration
from schema.subscription import Subscription


class Schema(strawberry.Schema):
    """strawberry's, but silent: it logs every error with its traceback, a caller's typing mistakes too. What is worth a line is
    logged where errors are turned outward (`schema.errors`)."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: see there."""


@cache
def build(*, introspection: bool = True) -> strawberry.Schema:
    """The schema of a server. Built once for each kind, because its caches belong to it."""
    extensions: list[Callable[[], SchemaExtension]] = [
        TranslateErrors,
        lambda: MaxTokensLimiter(max_token_count=DOCUMENT_TOKENS_MAX),
        lambda: ParserCache(maxsize=DOCUMENTS_CACHED_MAX),
        lambda: ValidationCache(maxsize=DOCUMENTS_CACHED_MAX),
        RequestRules,  # behind the cache, which would overwrite what it found
    ]
    if not introspection:
        extensions.append(lambda: AddValidationRules([NoSchemaIntrospectionCustomRule]))
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Workspace, Board, Task, Agent, User],
        config=configuration(),
        extensions=extensions,
    )


def schema_text() -> str:
    """The contract as it is committed in `schema.graphql`."""
    return print_schema(build()) + "\n"
