"""Who did it, and references to who did."""

import strawberry

from schema import enums  # noqa: F401 - names the enumerations before they are used
from trailcast.records import ActorKind


@strawberry.type(description="Who did it, as it was then: name and role are kept with the event and survive deletion.")
class Actor:
    kind: ActorKind = strawberry.field(description="Agent, user, service or system.")
    id: strawberry.ID = strawberry.field(description="UUID of the agent, user or service.")
    name: str | None = strawberry.field(description="Its name at that time, up to 200 characters.")
    role: str | None = strawberry.field(
        description="Its role at that time, in the platform's words, up to 200 characters."
    )


@strawberry.input(description="An actor of the caller's workspace.")
class ActorInput:
    kind: ActorKind = strawberry.field(description="Agent, user, service or system.")
    id: strawberry.ID = strawberry.field(description="UUID; for SYSTEM any UUID of the platform's choice.")
