"""The history of one entity."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types.info import Info

from resolvers import activity, audit
from resolvers.context import Context
from schema.activity_event import ActivityEvent, ActivityEventFilter, decode_filter
from schema.actor import Actor
from schema.execution.selection import page_selection, selection
from schema.paging import After, Before, First, Last, LogConnection
from schema.scalars import given
from trailcast.errors import BadUserInput
from trailcast.records import EntityRef, OrderDirection


@strawberry.type(description="How much one actor did of something, as far as the caller may see it.")
class ActorActivity:
    actor: Actor = strawberry.field(description="Who, as it was at its newest event.")
    count: int = strawberry.field(description="How many events.")
    failed: int = strawberry.field(description="How many of them with the outcome FAILURE.")
    last_event_at: datetime = strawberry.field(description="When the newest was recorded.")


@strawberry.type(
    description="The whole history of one entity, as far as the caller may see it. Hidden and absent look alike: empty."
)
class AuditTrail:
    entity: strawberry.Private[EntityRef]

    @strawberry.field(description="What kind of thing it is.")
    def entity_type(self) -> str:
        return self.entity.type

    @strawberry.field(description="Which one.")
    def entity_id(self) -> strawberry.ID:
        return strawberry.ID(self.entity.id)

    @strawberry.field(description="Its name at its newest event.")
    async def entity_name(self, info: Info[Context, None]) -> str | None:
        newest = await audit.edge_event(info.context, self.entity, OrderDirection.DESC, frozenset({"entity_name"}))
        return newest.entity_name if newest else None

    @strawberry.field(description="The oldest event.")
    async def first_event(self, info: Info[Context, None]) -> ActivityEvent | None:
        return await audit.edge_event(info.context, self.entity, OrderDirection.ASC, selection(info))  # type: ignore[return-value]

    @strawberry.field(description="The newest event.")
    async def last_event(self, info: Info[Context, None]) -> ActivityEvent | None:
        return await audit.edge_event(info.context, self.entity, OrderDirection.DESC, selection(info))  # type: ignore[return-value]

    @strawberry.field(description="Who contributed, most events first.")
    async def contributors(
        self,
        info: Info[Context, None],
        first: Annotated[int, strawberry.argument(description="At most this many: 1 to 200.")] = 20,
    ) -> list[ActorActivity]:
        return await audit.contributors(info.context, self.entity, first)  # type: ignore[return-value]

    @strawberry.field(description="The events, the oldest first unless asked otherwise.")
    async def events(
        self,
        info: Info[Context, None],
        filter: Annotated[  # noqa: A002 - the contract's name
            ActivityEventFilter | None, strawberry.argument(description="Which of them; its entity must be left out.")
        ] = strawberry.UNSET,
        direction: Annotated[OrderDirection, strawberry.argument(description="The order.")] = OrderDirection.ASC,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> LogConnection[ActivityEvent]:
        wanted = decode_filter(filter)
        if wanted.entity is not None:
            raise BadUserInput("A trail is of one entity: leave entity out of its filter.", ["filter", "entity"])
        wanted = replace(wanted, entity=self.entity)
        page = await activity.list_events(
            info.context, wanted, *page_selection(info),
            direction=direction, first=given(first), after=given(after), last=given(last), before=given(before),
        )  # fmt: skip
        return LogConnection(page=page, wanted=wanted)
