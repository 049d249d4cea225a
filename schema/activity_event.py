"""The event and the filter of events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import strawberry
from strawberry.scalars import JSON
from strawberry.types.arguments import InputContext

from resolvers import asked
from schema.actor import Actor
from schema.directory import Board, Task
from schema.node import Node
from schema.scalars import BigInt
from trailcast import records
from trailcast.records import ActorKind, EventFilter, Outcome


@strawberry.type(description="One field that changed. Values under secret keys are replaced before they are stored.")
class FieldChange:
    path: str = strawberry.field(description="Which field, dotted; up to 200 characters.")
    before: JSON | None = strawberry.field(description="Its value before; null where there was none.")
    after: JSON | None = strawberry.field(description="Its value after; null where there is none.")


@strawberry.type(description="The page that a front end should open for an event.")
class ActivityRoute:
    name: str = strawberry.field(description="board, board.approvals or activity.")
    params: JSON = strawberry.field(description="A JSON object of strings: the parameters of that page.")


@strawberry.type(
    description="One immutable entry of the log. Agents see those whose agentId they are; members those of boards they may read "
    "and their own; owners, admins and services all of their workspace."
)
class ActivityEvent(Node):
    sequence: BigInt = strawberry.field(
        description="Its place in the workspace's log: 1, 2, 3 … without gaps, in the order of commits. The only order there is."
    )
    cursor: str = strawberry.field(
        description="The same place, opaque: for after and before, in queries and subscriptions alike."
    )
    workspace_id: strawberry.ID = strawberry.field(description="UUID of the workspace.")
    event_type: str = strawberry.field(description="Dotted lower case, subject.what_happened; up to 100 characters.")
    category: str = strawberry.field(description="The first segment of the type.")
    action: str = strawberry.field(description="What was done, one lower-case word; up to 50 characters.")
    outcome: Outcome = strawberry.field(description="How it ended.")
    message: str | None = strawberry.field(description="Text for people, up to 16 KiB.")
    actor: Actor = strawberry.field(description="Who did it, as it was then.")
    actor_id: strawberry.ID = strawberry.field(description="UUID of who did it.")
    agent_id: strawberry.ID | None = strawberry.field(
        description="UUID of the agent that did it; null for other actors."
    )
    user_id: strawberry.ID | None = strawberry.field(description="UUID of the user who did it; null for other actors.")
    on_behalf_of: Actor | None = strawberry.field(
        description="The user or agent for whom the actor acted, as it was then."
    )
    board_id: strawberry.ID | None = strawberry.field(
        description="UUID of the board it belongs to; null at workspace level."
    )
    board: Board | None = strawberry.field(description="That board as it is now.")
    task_id: strawberry.ID | None = strawberry.field(description="UUID of the task, if it concerns one.")
    task: Task | None = strawberry.field(description="That task as it is now.")
    entity_type: str = strawberry.field(
        description="What kind of thing it is about: task, board, user, …; up to 50 characters."
    )
    entity_id: strawberry.ID = strawberry.field(description="Which one; up to 200 characters.")
    entity_name: str | None = strawberry.field(description="Its name at that time.")
    changes: list[FieldChange] = strawberry.field(
        description="What changed, field by field; at most 200 entries and 32 KiB."
    )
    metadata: JSON = strawberry.field(
        description="A JSON object, up to 32 KiB and 8 levels. Values under secret keys are replaced before they are stored."
    )
    ip_address: str | None = strawberry.field(
        description="Where it was written from. Stored only where the server is set to; shown to owners, admins and services."
    )
    user_agent: str | None = strawberry.field(
        description="What it was written with. Stored only where the server is set to; shown to owners, admins and services."
    )
    correlation_id: strawberry.ID | None = strawberry.field(
        description="Ties the events of one request or run together; up to 200 characters."
    )
    occurred_at: datetime = strawberry.field(description="When it happened, as the producer says; otherwise createdAt.")
    created_at: datetime = strawberry.field(description="When it was recorded; never falls along sequence.")
    route: ActivityRoute = strawberry.field(description="Where a front end should go.")

    @classmethod
    def is_type_of(cls, value: Any, _info: object) -> bool:
        return isinstance(value, records.EventRecord)


@strawberry.input(description="Something that events are about, of any type that the platform names.")
class EntityInput:
    type: str = strawberry.field(
        description="task, board, project, event, user, workspace, agent, or the platform's own; up to 50 characters."
    )
    id: strawberry.ID = strawberry.field(description="Its id, up to 200 characters; UUIDs in any spelling.")


@strawberry.input(
    description="Fields AND, lists OR (at most 200 values each). What is left out or null does not filter; an empty list matches "
    "nothing. What the caller may not see stays hidden whatever the filter."
)
class ActivityEventFilter:
    event_type: list[str] | None = strawberry.field(default=strawberry.UNSET, description="Exact types.")
    event_type_prefix: str | None = strawberry.field(
        default=strawberry.UNSET, description="Types that begin with this, such as `task.`; 1 to 100 ASCII characters."
    )
    category: list[str] | None = strawberry.field(default=strawberry.UNSET, description="First segments of types.")
    action: list[str] | None = strawberry.field(default=strawberry.UNSET, description="Actions.")
    outcome: list[Outcome] | None = strawberry.field(default=strawberry.UNSET, description="Outcomes.")
    actor_kind: list[ActorKind] | None = strawberry.field(default=strawberry.UNSET, description="Kinds of actor.")
    actor_id: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="UUIDs of actors of any kind."
    )
    agent_id: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="UUIDs of agents that did it."
    )
    user_id: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="UUIDs of users who did it."
    )
    board_id: list[strawberry.ID] | None = strawberry.field(default=strawberry.UNSET, description="UUIDs of boards.")
    task_id: list[strawberry.ID] | None = strawberry.field(default=strawberry.UNSET, description="UUIDs of tasks.")
    entity: EntityInput | None = strawberry.field(default=strawberry.UNSET, description="What it is about.")
    correlation_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="One request or run.")
    since: datetime | None = strawberry.field(default=strawberry.UNSET, description="Recorded at this time or later.")
    until: datetime | None = strawberry.field(default=strawberry.UNSET, description="Recorded before this time.")
    text: str | None = strawberry.field(
        default=strawberry.UNSET, description="The message holds this text, in any case; 3 to 200 characters."
    )


def decode_filter(value: ActivityEventFilter | None) -> EventFilter:
    """The record that a filter stands for, which is what has been made of it already."""
    return EventFilter() if value is None or value is strawberry.UNSET else cast("EventFilter", value)


_FILTER_FIELDS = {asked.camel(name): name for name in EventFilter.__dataclass_fields__ if name != "comments_only"}
_IDS = frozenset({"actor_id", "agent_id", "user_id", "board_id", "task_id"})


def _event_filter(_kind: type, value: Mapping[str, Any], _context: InputContext) -> EventFilter:
    """What graphql-core has coerced, as a record, its ids parsed. Raises BadUserInput."""
    plain: dict[str, Any] = {}
    for key, wanted in value.items():
        name = _FILTER_FIELDS[key]
        if name in _IDS:
            plain[name] = asked.uuids(wanted, "filter", key)
        elif name == "entity":
            plain[name] = None if wanted is None else records.EntityRef(wanted["type"], wanted["id"])
        else:
            plain[name] = tuple(wanted) if type(wanted) is list else wanted
    return EventFilter(**plain)


ActivityEventFilter.__strawberry_definition__.from_input = _event_filter  # type: ignore[attr-defined]
