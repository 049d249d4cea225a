"""What events are about: workspaces, boards, tasks, agents, users. Marked deleted, never gone."""

from typing import Any

import strawberry

from schema.node import Node
from trailcast import records

DELETED = "Whether the platform has removed it; its history stays."


@strawberry.type(description="The tenant: one log, one directory. Visible to whoever has a credential in it.")
class Workspace(Node):
    name: str = strawberry.field(description="Its name.")

    @classmethod
    def is_type_of(cls, value: Any, _info: object) -> bool:
        return isinstance(value, records.Workspace)


@strawberry.type(description="A board. Visible to who may read it, and as part of the events that one may see.")
class Board(Node):
    name: str = strawberry.field(description="Its name now, or the last one; up to 200 characters.")
    is_deleted: bool = strawberry.field(description=DELETED)

    @classmethod
    def is_type_of(cls, value: Any, _info: object) -> bool:
        return isinstance(value, records.Board)


@strawberry.type(description="A task. Visible to who may read its board, and as part of the events that one may see.")
class Task(Node):
    title: str = strawberry.field(description="Its title now, or the last one; up to 1000 characters.")
    status: str | None = strawberry.field(description="Its status now, in the platform's words; up to 200 characters.")
    board: Board | None = strawberry.field(
        description="The board it is on now; null without one, or where you may not read it."
    )
    is_deleted: bool = strawberry.field(description=DELETED)

    @classmethod
    def is_type_of(cls, value: Any, _info: object) -> bool:
        return isinstance(value, records.Task)


@strawberry.type(
    description="An AI agent. Visible to itself, to people who may read its board (all, if it has none), and to services."
)
class Agent(Node):
    name: str = strawberry.field(description="Its name now, or the last one; up to 200 characters.")
    role: str | None = strawberry.field(description="Its role, in the platform's words; up to 200 characters.")
    board: Board | None = strawberry.field(description="The one board it may write to; null: any of its workspace.")
    is_deleted: bool = strawberry.field(description=DELETED)

    @classmethod
    def is_type_of(cls, value: Any, _info: object) -> bool:
        return isinstance(value, records.Agent)


@strawberry.type(
    description="A person, as this workspace knows it. Visible to the people and services of the workspace, not to agents."
)
class User(Node):
    name: str | None = strawberry.field(description="Its name now, or the last one; up to 200 characters.")
    role: str | None = strawberry.field(description="Its role, in the platform's words; up to 200 characters.")
    is_deleted: bool = strawberry.field(description=DELETED)

    @classmethod
    def is_type_of(cls, value: Any, _info: object) -> bool:
        return isinstance(value, records.User)
