"""The enumerations of the records, with a description for each value."""

from enum import Enum

import strawberry

from trailcast.records import ActorKind, Bucket, Dimension, MembershipRole, OrderDirection, Outcome, ProblemCode


def _describe(kind: type[Enum], description: str, values: dict[str, str], name: str | None = None) -> None:
    """Make a record's enumeration part of the contract. Every member must be described."""
    strawberry.enum(kind, name=name, description=description)
    for value in kind.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]


_describe(ActorKind, "What kind of actor did it.", {
    "AGENT": "An AI agent.",
    "USER": "A person.",
    "SERVICE": "A program of the platform.",
    "SYSTEM": "The platform itself, without a program to name.",
})  # fmt: skip
_describe(Outcome, "How it ended.", {
    "SUCCESS": "It was done. The default of every type that does not end in `failed`.",
    "FAILURE": "It was tried and went wrong. The default of types that end in `failed`; what error rates count.",
    "DENIED": "It was refused: by a rule, a person or a missing right.",
})  # fmt: skip
_describe(OrderDirection, "The order of a list, along `sequence`.", {
    "ASC": "The oldest first.",
    "DESC": "The newest first.",
})  # fmt: skip
_describe(Bucket, "The width of a point of a series, in the asked time zone.", {
    "HOUR": "One hour, from its first minute.",
    "DAY": "One calendar day; 23 or 25 hours where the clocks change.",
    "WEEK": "Seven days from Monday (ISO 8601).",
    "MONTH": "One calendar month.",
})  # fmt: skip
_describe(Dimension, "What to break counts down by.", {
    "EVENT_TYPE": "The event type.",
    "CATEGORY": "The first segment of the event type.",
    "ACTION": "The action.",
    "ACTOR": "Who did it, of any kind.",
    "AGENT": "The agent that did it; events of others are left out.",
    "BOARD": "The board; events without one are left out.",
    "TASK": "The task; events without one are left out.",
})  # fmt: skip
_describe(MembershipRole, "What a person is in the workspace.", {
    "OWNER": "Sees and may write everything.",
    "ADMIN": "Sees and may write everything.",
    "MEMBER": "Sees and writes the boards it was granted, and sees its own actions.",
})  # fmt: skip
_describe(ProblemCode, "What is wrong with an input, for programs. New codes may be added.", {
    "INVALID": "The value is not what the field takes; the message says what it takes.",
    "NOT_FOUND": "The thing is absent or hidden from you: the two are never told apart.",
    "FORBIDDEN": "You can see it, but may not do this with it.",
    "CONFLICT": "The idempotency key or identity already stands for something else.",
    "TOO_LARGE": "The value is beyond its bound; the message gives the bound with its unit.",
}, name="UserErrorCode")  # fmt: skip
