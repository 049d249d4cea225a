"""A comment: a `task.comment` event with the names around it."""

from datetime import datetime
from typing import Any

import strawberry

from schema.activity_event import ActivityRoute
from schema.actor import Actor
from schema.directory import Board, Task
from schema.node import Node
from trailcast import records


@strawberry.type(
    description="A comment on a task, with its author, task and board. Whoever may see the event sees it; `id` is the event's."
)
class TaskComment(Node):
    cursor: str = strawberry.field(description="Its place in the log, the same as the event's.")
    message: str = strawberry.field(description="What was said; never blank, up to 16 KiB.")
    created_at: datetime = strawberry.field(description="When it was recorded.")
    author: Actor = strawberry.field(description="Who said it, as it was then.")
    agent_id: strawberry.ID | None = strawberry.field(description="UUID of the agent, if one said it.")
    agent_name: str | None = strawberry.field(description="The agent's name at that time.")
    agent_role: str | None = strawberry.field(description="The agent's role at that time.")
    user_id: strawberry.ID | None = strawberry.field(description="UUID of the user, if one said it.")
    task_id: strawberry.ID = strawberry.field(description="UUID of the task.")
    task_title: str = strawberry.field(description="The task's title now, or the last one.")
    task: Task = strawberry.field(description="The task as it is now.")
    board_id: strawberry.ID | None = strawberry.field(description="UUID of the board; null where the task had none.")
    board_name: str | None = strawberry.field(description="The board's name now, or the last one.")
    board: Board | None = strawberry.field(description="The board as it is now.")
    route: ActivityRoute = strawberry.field(description="Where a front end should go.")

    @classmethod
    def is_type_of(cls, value: Any, _info: object) -> bool:
        return isinstance(value, records.CommentRecord)
