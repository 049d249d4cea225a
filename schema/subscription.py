"""The subscriptions: each item carries a cursor, and `after` with the last one seen goes on from there without gap or repeat."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types.info import Info

from resolvers import activity
from resolvers.context import Context
from schema.activity_event import ActivityEvent, ActivityEventFilter, decode_filter
from schema.scalars import given
from schema.task_comment import TaskComment

After = Annotated[
    str | None,
    strawberry.argument(
        description="Go on after this cursor, of a query or a subscription; CURSOR_EXPIRED if it is no longer kept."
    ),
]
Since = Annotated[
    datetime | None,
    strawberry.argument(description="Begin with what was recorded at this time or later. Not together with after."),
]


@strawberry.type(
    description="Live, without loss: nothing missed, nothing twice, in the order of sequence. Without after or since: from now on. "
    "Rights are those of the moment of each delivery; a credential that ends, ends the stream."
)
class Subscription:
    @strawberry.subscription(description="Comments of a board, a task, both or all, as they are written.")
    async def comment_added(
        self,
        info: Info[Context, None],
        board_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="UUID: only those of this board.")
        ] = strawberry.UNSET,
        task_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="UUID: only those of this task.")
        ] = strawberry.UNSET,
        after: After = strawberry.UNSET,
        since: Since = strawberry.UNSET,
    ) -> AsyncGenerator[TaskComment, None]:
        wanted = activity.comment_filter(given(board_id), given(task_id))
        return await activity.follow(info.context, wanted, after=given(after), since=given(since))  # type: ignore[return-value]

    @strawberry.subscription(description="Events as they are written.")
    async def activity_logged(
        self,
        info: Info[Context, None],
        filter: Annotated[  # noqa: A002 - the contract's name
            ActivityEventFilter | None,
            strawberry.argument(description="Which events; all that the caller may see by default."),
        ] = strawberry.UNSET,
        after: After = strawberry.UNSET,
        since: Since = strawberry.UNSET,
    ) -> AsyncGenerator[ActivityEvent, None]:
        wanted = decode_filter(filter)
        return await activity.follow(info.context, wanted, after=given(after), since=given(since))  # type: ignore[return-value]
