"""The mutations: decode the input, call a resolver, wrap what became of it."""

from collections.abc import Sequence
from typing import Annotated

import strawberry
from strawberry.types.info import Info

from resolvers import log, sync
from resolvers.context import Context
from schema.execution.selection import payload_selection
from schema.log_activity import (
    AddTaskCommentPayload,
    LogActivitiesPayload,
    LogActivityInput,
    LogActivityPayload,
    UserError,
    decode_input,
)  # fmt: skip
from schema.scalars import given
from schema.sync_directory import SyncDirectoryInput, SyncDirectoryPayload, decode_rows
from trailcast.records import Problem

Key = Annotated[
    str | None,
    strawberry.argument(
        description="Unique in the workspace for ever, up to 200 characters: a retry with it never writes twice."
    ),
]


@strawberry.type(
    description="What a caller can mend comes back as data in `errors`; everything else is a GraphQL error with a code."
)
class Mutation:
    @strawberry.mutation(
        description="Append one event, as oneself, on a board that one may write to, or at workspace level."
    )
    async def log_activity(
        self,
        info: Info[Context, None],
        input: Annotated[LogActivityInput, strawberry.argument(description="The event.")],  # noqa: A002
    ) -> LogActivityPayload:
        event = decode_input(input)
        logged = await log.log_activity(info.context, event, payload_selection(info, "event"))
        return LogActivityPayload(
            event=logged.event,  # type: ignore[arg-type]
            replayed=logged.replayed,
            errors=_errors(logged.problems, "input"),
            client_mutation_id=event.client_mutation_id,
        )

    @strawberry.mutation(description="Append up to 1000 events, all or none.")
    async def log_activities(
        self,
        info: Info[Context, None],
        inputs: Annotated[list[LogActivityInput], strawberry.argument(description="The events, at most 1000.")],
    ) -> LogActivitiesPayload:
        drafts = [decode_input(value) for value in inputs]
        batch = await log.log_activities(info.context, drafts, payload_selection(info, "events"))
        return LogActivitiesPayload(events=list(batch.events), errors=_errors(batch.problems, "inputs"))  # type: ignore[arg-type]

    @strawberry.mutation(description="Comment on a task as oneself.")
    async def add_task_comment(
        self,
        info: Info[Context, None],
        task_id: Annotated[strawberry.ID, strawberry.argument(description="UUID of the task.")],
        message: Annotated[str, strawberry.argument(description="What to say: not blank, up to 16 KiB.")],
        idempotency_key: Key = strawberry.UNSET,
    ) -> AddTaskCommentPayload:
        selection = payload_selection(info, "comment")
        logged = await log.add_task_comment(info.context, task_id, message, given(idempotency_key), selection)
        return AddTaskCommentPayload(
            comment=logged.event,  # type: ignore[arg-type]
            replayed=logged.replayed,
            errors=_errors(logged.problems),
        )

    @strawberry.mutation(
        description="Services only: say who and what there is. Idempotent; changes of access are logged and count at once."
    )
    async def sync_directory(
        self,
        info: Info[Context, None],
        input: Annotated[SyncDirectoryInput, strawberry.argument(description="The rows.")],  # noqa: A002
    ) -> SyncDirectoryPayload:
        synced = await sync.sync_directory(info.context, decode_rows(input))
        return SyncDirectoryPayload(upserted=synced.upserted, errors=_errors(synced.problems, "input"))


def _errors(problems: Sequence[Problem], *prefix: str) -> list[UserError]:
    return [
        UserError(code=problem.code, message=problem.message, path=[*prefix, *problem.path]) for problem in problems
    ]
