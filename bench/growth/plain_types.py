"""What plain Strawberry shows and takes: types made of the ORM's objects, in the words of the product's contract."""

from datetime import datetime
from enum import Enum
from typing import Self
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

import models
from models import Event
from schema.scalars import BigInt


@strawberry.enum
class Dimension(Enum):
    EVENT_TYPE = "event_type"
    BOARD = "board_id"


@strawberry.type
class Actor:
    kind: str
    name: str | None


@strawberry.type
class ActivityEvent:
    id: strawberry.ID
    sequence: BigInt
    event_type: str
    outcome: str
    message: str | None
    created_at: datetime
    board_id: strawberry.ID | None
    task_id: strawberry.ID | None
    actor: Actor

    @classmethod
    def of(cls, event: Event) -> Self:
        return cls(
            id=as_id(event.id),
            sequence=BigInt(event.sequence),
            event_type=event.event_type,
            outcome=event.outcome,
            message=event.message,
            created_at=event.created_at,
            board_id=as_id(event.board_id) if event.board_id else None,
            task_id=as_id(event.task_id) if event.task_id else None,
            actor=Actor(kind=event.actor_kind, name=event.actor_name),
        )


@strawberry.type
class TaskComment:
    id: strawberry.ID
    message: str | None
    created_at: datetime
    agent_name: str | None
    agent_role: str | None
    task_id: strawberry.ID
    task_title: str
    board_id: strawberry.ID | None
    board_name: str | None
    author: Actor

    @classmethod
    def of(cls, event: Event, task: models.Task, board: models.Board | None) -> Self:
        by_agent = event.agent_id is not None
        return cls(
            id=as_id(event.id),
            message=event.message,
            created_at=event.created_at,
            agent_name=event.actor_name if by_agent else None,
            agent_role=event.actor_role if by_agent else None,
            task_id=as_id(task.id),
            task_title=task.title,
            board_id=as_id(board.id) if board else None,
            board_name=board.name if board else None,
            author=Actor(kind=event.actor_kind, name=event.actor_name),
        )


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class EventConnection:
    nodes: list[ActivityEvent]
    page_info: PageInfo


@strawberry.type
class CommentConnection:
    nodes: list[TaskComment]
    page_info: PageInfo


@strawberry.type
class Breakdown:
    key: str
    total: int
    failed: int


@strawberry.input
class ActivityEventFilter:
    board_id: list[strawberry.ID] | None = None
    agent_id: list[strawberry.ID] | None = None
    text: str | None = None


@strawberry.input
class FieldChangeInput:
    path: str
    before: JSON | None = None
    after: JSON | None = None


@strawberry.input
class LogActivityInput:
    event_type: str
    task_id: strawberry.ID
    message: str
    metadata: JSON
    correlation_id: strawberry.ID | None = None
    changes: list[FieldChangeInput] | None = None


@strawberry.type
class UserError:
    code: str
    message: str
    path: list[str]


@strawberry.type
class LogActivityPayload:
    event: ActivityEvent | None
    errors: list[UserError]


@strawberry.type
class LogActivitiesPayload:
    events: list[ActivityEvent]
    errors: list[UserError]


def as_id(value: UUID) -> strawberry.ID:
    return strawberry.ID(str(value))
