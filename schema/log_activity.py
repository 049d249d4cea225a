"""What the write mutations take and give back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import strawberry
from strawberry.scalars import JSON
from strawberry.types.arguments import InputContext

from schema.activity_event import ActivityEvent, EntityInput
from schema.actor import ActorInput
from schema.task_comment import TaskComment
from trailcast.records import EventInput, FieldChange, Outcome, ProblemCode

OPTIONAL: Any = strawberry.UNSET
ABSENT: Mapping[str, Any] = {}


@strawberry.input(description="One field that changed. Values under secret keys are replaced before they are stored.")
class FieldChangeInput:
    path: str = strawberry.field(description="Which field, dotted; 1 to 200 characters.")
    before: JSON | None = strawberry.field(default=OPTIONAL, description="Its value before; nested at most 8 levels.")
    after: JSON | None = strawberry.field(default=OPTIONAL, description="Its value after; nested at most 8 levels.")


@strawberry.input(
    description="An event to be written. Who did it follows from the credential. What is out of bounds is refused with the path to it."
)
class LogActivityInput:
    event_type: str = strawberry.field(description="Dotted lower case, subject.what_happened; up to 100 characters.")
    action: str | None = strawberry.field(
        default=OPTIONAL, description="One lower-case word, up to 50 characters; otherwise derived from the type."
    )
    outcome: Outcome | None = strawberry.field(
        default=OPTIONAL, description="Otherwise FAILURE for types that end in `failed`, SUCCESS for all else."
    )
    message: str | None = strawberry.field(
        default=OPTIONAL, description="Text for people, up to 16 KiB; a comment needs one."
    )
    board_id: strawberry.ID | None = strawberry.field(
        default=OPTIONAL,
        description="UUID of the board; otherwise the task's board. The caller must be allowed to write there.",
    )
    task_id: strawberry.ID | None = strawberry.field(
        default=OPTIONAL, description="UUID of the task; a comment needs one."
    )
    entity: EntityInput | None = strawberry.field(
        default=OPTIONAL, description="What it is about; otherwise the task, else the board, else the actor."
    )
    entity_name: str | None = strawberry.field(default=OPTIONAL, description="Its name, up to 200 characters.")
    changes: list[FieldChangeInput] | None = strawberry.field(
        default=OPTIONAL, description="What changed, field by field; at most 200 entries and 32 KiB."
    )
    metadata: JSON | None = strawberry.field(default=OPTIONAL, description="A JSON object, up to 32 KiB and 8 levels.")
    occurred_at: datetime | None = strawberry.field(default=OPTIONAL, description="When it happened; otherwise now.")
    correlation_id: strawberry.ID | None = strawberry.field(
        default=OPTIONAL, description="Ties the events of one request or run together; up to 200 characters."
    )
    idempotency_key: str | None = strawberry.field(
        default=OPTIONAL,
        description="Unique in the workspace for ever, up to 200 characters. The same key with the same content gives the first "
        "event again; with other content it is a CONFLICT.",
    )
    actor: ActorInput | None = strawberry.field(
        default=OPTIONAL,
        description="Services only: who did it; otherwise the service itself. Everyone else acts as itself.",
    )
    on_behalf_of: ActorInput | None = strawberry.field(
        default=OPTIONAL, description="The user or agent for whom the actor acted."
    )
    client_mutation_id: str | None = strawberry.field(default=OPTIONAL, description="Handed back as it is; not stored.")


@strawberry.type(description="Something about the input that the caller can mend.")
class UserError:
    code: ProblemCode = strawberry.field(description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong and how to mend it.")
    path: list[str] = strawberry.field(
        description="The way to the value, from the mutation's arguments: names and indexes."
    )


@strawberry.type(description="What became of one event.")
class LogActivityPayload:
    event: ActivityEvent | None = strawberry.field(description="The event; null where there are errors.")
    replayed: bool = strawberry.field(description="Whether the idempotency key had written it before.")
    errors: list[UserError] = strawberry.field(description="Why it was not written; empty where it was.")
    client_mutation_id: str | None = strawberry.field(description="As it was given.")


@strawberry.type(description="What became of a batch: all of it was written, or nothing.")
class LogActivitiesPayload:
    events: list[ActivityEvent] = strawberry.field(
        description="The events in the order of the inputs; empty where there are errors."
    )
    errors: list[UserError] = strawberry.field(
        description="Why nothing was written; each path begins with the index of its input."
    )


@strawberry.type(description="What became of a comment.")
class AddTaskCommentPayload:
    comment: TaskComment | None = strawberry.field(description="The comment; null where there are errors.")
    replayed: bool = strawberry.field(description="Whether the idempotency key had written it before.")
    errors: list[UserError] = strawberry.field(description="Why it was not written; empty where it was.")


def decode_input(value: LogActivityInput) -> EventInput:
    """The record that the input stands for, which is what has been made of it already."""
    return cast("EventInput", value)


def _event_input(_kind: type, value: Mapping[str, Any], _context: InputContext) -> EventInput:
    """What graphql-core has coerced, as a record. strawberry would make an object of each input, field by field, to be copied from."""
    given = value.get
    entity, actor, behalf = given("entity") or ABSENT, given("actor") or ABSENT, given("onBehalfOf") or ABSENT
    return EventInput(
        event_type=value["eventType"],
        action=given("action"),
        outcome=given("outcome"),
        message=given("message"),
        board_id=given("boardId"),
        task_id=given("taskId"),
        entity_type=entity.get("type"),
        entity_id=entity.get("id"),
        entity_name=given("entityName"),
        changes=tuple(
            [
                FieldChange(change["path"], change.get("before"), change.get("after"))
                for change in given("changes") or ()
            ]
        ),
        metadata=given("metadata"),
        occurred_at=given("occurredAt"),
        correlation_id=given("correlationId"),
        idempotency_key=given("idempotencyKey"),
        actor_kind=actor.get("kind"),
        actor_id=actor.get("id"),
        on_behalf_of_kind=behalf.get("kind"),
        on_behalf_of_id=behalf.get("id"),
        client_mutation_id=given("clientMutationId"),
    )


LogActivityInput.__strawberry_definition__.from_input = _event_input  # type: ignore[attr-defined]
