"""What `syncDirectory` takes and gives back: rows that are upserted by id. What is left out keeps its value; null clears it."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import strawberry

from schema.log_activity import UserError
from trailcast.records import MembershipRole

OPTIONAL: Any = strawberry.UNSET
UUID_OF = "UUID of the platform's own, the same for ever."
DELETED = "Mark it deleted (true) or back (false); false for a new one."


@strawberry.input(description="A project.")
class ProjectInput:
    id: strawberry.ID = strawberry.field(description=UUID_OF)
    name: str = strawberry.field(description="1 to 200 characters.")
    is_deleted: bool | None = strawberry.field(default=OPTIONAL, description=DELETED)


@strawberry.input(description="A board.")
class BoardInput:
    id: strawberry.ID = strawberry.field(description=UUID_OF)
    name: str = strawberry.field(description="1 to 200 characters.")
    project_id: strawberry.ID | None = strawberry.field(default=OPTIONAL, description="UUID of its project.")
    is_deleted: bool | None = strawberry.field(default=OPTIONAL, description=DELETED)


@strawberry.input(description="A person. A membership is what gives it rights.")
class UserInput:
    id: strawberry.ID = strawberry.field(description=UUID_OF)
    external_id: str | None = strawberry.field(
        default=OPTIONAL, description="The identity provider's `sub`, unique in the workspace; up to 200 characters."
    )
    name: str | None = strawberry.field(default=OPTIONAL, description="Up to 200 characters.")
    role: str | None = strawberry.field(
        default=OPTIONAL, description="In the platform's words, for show; up to 200 characters."
    )
    is_deleted: bool | None = strawberry.field(default=OPTIONAL, description=f"{DELETED} A deleted user has no access.")


@strawberry.input(description="An AI agent.")
class AgentInput:
    id: strawberry.ID = strawberry.field(description=UUID_OF)
    name: str = strawberry.field(description="1 to 200 characters.")
    role: str | None = strawberry.field(default=OPTIONAL, description="In the platform's words; up to 200 characters.")
    board_id: strawberry.ID | None = strawberry.field(
        default=OPTIONAL, description="UUID of the one board it may write to; null: any of the workspace."
    )
    is_deleted: bool | None = strawberry.field(
        default=OPTIONAL, description=f"{DELETED} A deleted agent has no access."
    )


@strawberry.input(description="A task.")
class TaskInput:
    id: strawberry.ID = strawberry.field(description=UUID_OF)
    board_id: strawberry.ID | None = strawberry.field(default=OPTIONAL, description="UUID of the board it is on.")
    title: str = strawberry.field(description="1 to 1000 characters.")
    status: str | None = strawberry.field(
        default=OPTIONAL, description="In the platform's words; up to 200 characters."
    )
    is_deleted: bool | None = strawberry.field(default=OPTIONAL, description=DELETED)


@strawberry.input(description="What a member may do on one board. Being allowed to write includes reading.")
class BoardGrantInput:
    board_id: strawberry.ID = strawberry.field(description="UUID of the board.")
    can_read: bool = strawberry.field(default=True, description="Whether it may read the board's events.")
    can_write: bool = strawberry.field(default=False, description="Whether it may log events on the board.")


@strawberry.input(description="A person's access to this workspace. Every change of it is itself logged.")
class MembershipInput:
    user_id: strawberry.ID = strawberry.field(description="UUID of the user.")
    role: MembershipRole = strawberry.field(description="Owners and admins see and may write everything.")
    all_boards_read: bool = strawberry.field(default=False, description="For members: whether it may read every board.")
    all_boards_write: bool = strawberry.field(
        default=False, description="For members: whether it may write every board."
    )
    grants: list[BoardGrantInput] | None = strawberry.field(
        default=OPTIONAL,
        description="All of its grants: what is not in the list ends. Left out: they stay as they are.",
    )
    is_deleted: bool | None = strawberry.field(
        default=OPTIONAL, description="True ends the membership and its grants at once."
    )


@strawberry.input(
    description="Who and what there is, at most 1000 rows in all. Rows may refer to others of the same call."
)
class SyncDirectoryInput:
    projects: list[ProjectInput] | None = strawberry.field(default=OPTIONAL, description="Projects.")
    users: list[UserInput] | None = strawberry.field(default=OPTIONAL, description="People.")
    agents: list[AgentInput] | None = strawberry.field(default=OPTIONAL, description="AI agents.")
    boards: list[BoardInput] | None = strawberry.field(default=OPTIONAL, description="Boards.")
    tasks: list[TaskInput] | None = strawberry.field(default=OPTIONAL, description="Tasks.")
    memberships: list[MembershipInput] | None = strawberry.field(
        default=OPTIONAL, description="Who has access, and to what."
    )


@strawberry.type(description="What became of the rows.")
class SyncDirectoryPayload:
    upserted: int = strawberry.field(
        description="How many rows were accepted; the same call again gives the same number."
    )
    errors: list[UserError] = strawberry.field(description="The rows that were left out, each by its path.")


def decode_rows(value: SyncDirectoryInput) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The rows with the fields that were given, by Python name."""
    return {kind: rows for kind, rows in _row(value).items() if rows is not None}


def _row(value: Any) -> dict[str, Any]:
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    return {
        name: [_row(item) for item in item_or_items] if isinstance(item_or_items, list) else item_or_items
        for name, item_or_items in given.items()
        if item_or_items is not strawberry.UNSET
    }
