"""The queries: decode the arguments, call a resolver, wrap the answer."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types.info import Info

from resolvers import activity, audit, directory, metrics, viewer
from resolvers.context import Context
from schema.activity_event import ActivityEvent, ActivityEventFilter, decode_filter
from schema.audit_trail import AuditTrail
from schema.directory import Agent, Board, Task, User
from schema.execution.selection import page_selection, selection
from schema.metrics import ActivityMetrics, asked_of
from schema.node import Node
from schema.paging import After, Before, Connection, First, Last, LogConnection, Offset
from schema.scalars import given
from schema.task_comment import TaskComment
from schema.viewer import Viewer
from trailcast.ledger.catalogue import CATALOGUE
from trailcast.records import Bucket, OrderDirection

Filter = Annotated[
    ActivityEventFilter | None, strawberry.argument(description="Which events; all that the caller may see by default.")
]
Direction = Annotated[
    OrderDirection, strawberry.argument(description="The order, along sequence; the newest first by default.")
]
Text = Annotated[
    str | None, strawberry.argument(description="The name holds this text, in any case; 1 to 200 characters.")
]
OfBoard = Annotated[strawberry.ID | None, strawberry.argument(description="UUID: only those of this board.")]
Id = Annotated[strawberry.ID, strawberry.argument(description="UUID.")]


@strawberry.type(description="An event type that is known by name. Other well-formed types are accepted too.")
class EventType:
    name: str = strawberry.field(description="Dotted lower case; never renamed, never reused.")
    category: str = strawberry.field(description="Its first segment.")
    action: str = strawberry.field(description="The action that its events get when none is given.")
    description: str = strawberry.field(description="What happened.")


@strawberry.type(
    description="Everything here needs a credential, and shows what its principal may see. Absent and hidden answer alike."
)
class Query:
    @strawberry.field(description="Who am I, in which workspace, with which boards?")
    async def viewer(self, info: Info[Context, None]) -> Viewer:
        return Viewer(principal=await viewer.viewer(info.context))

    @strawberry.field(description="Whatever has this id. NOT_FOUND for absent and hidden alike.")
    async def node(self, info: Info[Context, None], id: Id) -> Node | None:  # noqa: A002
        return await directory.node(info.context, id, selection(info))  # type: ignore[return-value]

    @strawberry.field(description="The events that the caller may see, the newest first unless asked otherwise.")
    async def activity_events(
        self,
        info: Info[Context, None],
        filter: Filter = strawberry.UNSET,  # noqa: A002 - the contract's name
        direction: Direction = OrderDirection.DESC,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        offset: Offset = strawberry.UNSET,
    ) -> LogConnection[ActivityEvent]:
        wanted = decode_filter(filter)
        page = await activity.list_events(
            info.context, wanted, *page_selection(info), direction=direction,
            first=given(first), after=given(after), last=given(last), before=given(before), offset=given(offset),
        )  # fmt: skip
        return LogConnection(page=page, wanted=wanted)

    @strawberry.field(description="One event. NOT_FOUND for absent and hidden alike.")
    async def activity_event(self, info: Info[Context, None], id: Id) -> ActivityEvent | None:  # noqa: A002
        return await activity.get_event(info.context, id, selection(info))  # type: ignore[return-value]

    @strawberry.field(description="The whole history of one entity, as far as the caller may see it.")
    async def audit_trail(
        self,
        info: Info[Context, None],
        entity_type: Annotated[
            str, strawberry.argument(description="What kind of thing: task, board, user, …; up to 50 characters.")
        ],
        entity_id: Annotated[strawberry.ID, strawberry.argument(description="Which one; up to 200 characters.")],
    ) -> AuditTrail:
        return AuditTrail(entity=await audit.trail_entity(info.context, entity_type, entity_id))

    @strawberry.field(
        description="Comments with their authors, tasks and boards, the newest first unless asked otherwise."
    )
    async def task_comments(
        self,
        info: Info[Context, None],
        board_id: OfBoard = strawberry.UNSET,
        task_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="UUID: only those of this task.")
        ] = strawberry.UNSET,
        since: Annotated[
            datetime | None, strawberry.argument(description="Recorded at this time or later.")
        ] = strawberry.UNSET,
        until: Annotated[
            datetime | None, strawberry.argument(description="Recorded before this time.")
        ] = strawberry.UNSET,
        direction: Direction = OrderDirection.DESC,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> LogConnection[TaskComment]:
        wanted = activity.comment_filter(given(board_id), given(task_id), given(since), given(until))
        page = await activity.list_events(
            info.context, wanted, *page_selection(info),
            direction=direction, first=given(first), after=given(after), last=given(last), before=given(before),
        )  # fmt: skip
        return LogConnection(page=page, wanted=wanted)

    @strawberry.field(description="Counts of the events that the caller may see in a range of time.")
    async def activity_metrics(
        self,
        info: Info[Context, None],
        since: Annotated[datetime, strawberry.argument(description="From this time on.")],
        filter: Filter = strawberry.UNSET,  # noqa: A002 - the contract's name
        until: Annotated[
            datetime | None, strawberry.argument(description="Before this time; now by default.")
        ] = strawberry.UNSET,
        bucket: Annotated[Bucket, strawberry.argument(description="Width of a point of the series.")] = Bucket.DAY,
        time_zone: Annotated[str, strawberry.argument(description="IANA name, such as Europe/Berlin.")] = "UTC",
    ) -> ActivityMetrics:
        answer = await metrics.activity_metrics(
            info.context,
            decode_filter(filter),
            asked_of(info),
            since=since,
            until=given(until),
            bucket=bucket,
            time_zone=time_zone,
        )
        return ActivityMetrics(answer=answer)

    @strawberry.field(description="The event types that are known by name, by name.")
    async def event_types(self, info: Info[Context, None]) -> list[EventType]:
        await viewer.viewer(info.context)
        return [CATALOGUE[name] for name in sorted(CATALOGUE)]  # type: ignore[misc]

    @strawberry.field(description="Boards by name: those that the caller may read.")
    async def boards(
        self,
        info: Info[Context, None],
        text: Text = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
    ) -> Connection[Board]:
        return await directory.boards(info.context, given(text), given(first), given(after))  # type: ignore[return-value]

    @strawberry.field(
        description="Agents by name: on boards that the caller may read, and on no one board; an agent sees itself."
    )
    async def agents(
        self,
        info: Info[Context, None],
        text: Text = strawberry.UNSET,
        board_id: OfBoard = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
    ) -> Connection[Agent]:
        arguments = (given(text), given(board_id), given(first), given(after))
        return await directory.agents(info.context, *arguments)  # type: ignore[return-value]

    @strawberry.field(description="The people of the workspace by name; none for an agent.")
    async def users(
        self,
        info: Info[Context, None],
        text: Text = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
    ) -> Connection[User]:
        return await directory.users(info.context, given(text), given(first), given(after))  # type: ignore[return-value]

    @strawberry.field(description="Tasks by title: those on boards that the caller may read.")
    async def tasks(
        self,
        info: Info[Context, None],
        text: Text = strawberry.UNSET,
        board_id: OfBoard = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
    ) -> Connection[Task]:
        arguments = (given(text), given(board_id), given(first), given(after))
        return await directory.tasks(info.context, *arguments)  # type: ignore[return-value]
