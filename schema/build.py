"""The schema, put together: the roots, the scalars, the rules that every document passes."""

from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.printer import print_schema
from strawberry.types import ExecutionContext

from schema.directory import Agent, Board, Task, User, Workspace
from schema.errors import TranslateErrors
from schema.execution.documents import Documents
from schema.limits import Limits
from schema.mutation import Mutation
from schema.query import Query
from schema.requests import RequestRules
from schema.scalars import configuration
from schema.subscription import Subscription
from trailcast.settings import Settings


class Schema(strawberry.Schema):
    """strawberry's, with documents of its own, and silent: it would log every error with its traceback, a caller's typing mistakes
    too. What is worth a line is logged where errors are turned outward (`schema.errors`)."""

    def __init__(self, limits: Limits, *, introspection: bool, **parts: Any) -> None:
        # The rules of a request are made anew for each; the documents that they read from are the schema's.
        super().__init__(**parts, extensions=[TranslateErrors, lambda: RequestRules(self.documents)])
        self.documents = Documents(self._schema, limits, introspection=introspection)

    def _extend_introspection(self) -> None:
        """Nothing: upstream's `isOneOf` fails for wrapped types and says false where the specification says null; the one of
        graphql-core, which upstream would replace for the whole process, knows better."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: see there."""


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
