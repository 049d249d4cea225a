"""The plain records that cross layers, and the vocabularies they are written in.

No behaviour beyond what follows from their own fields, no I/O, no SQL, no GraphQL. A *draft* is not yet written, a *record* was
read. Records carry the same attribute names as the GraphQL fields that show them, so the contract needs no second copy of
each object; an attribute that a query did not ask for was not read and is None.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import UUID

JsonObject = dict[str, Any]
T = TypeVar("T")


class ActorKind(Enum):
    AGENT = "AGENT"
    USER = "USER"
    SERVICE = "SERVICE"
    SYSTEM = "SYSTEM"


class Outcome(Enum):
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DENIED = "DENIED"


class OrderDirection(Enum):
    ASC = "ASC"
    DESC = "DESC"


class MembershipRole(Enum):
    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"


class Bucket(Enum):
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


class Dimension(Enum):
    EVENT_TYPE = "EVENT_TYPE"
    CATEGORY = "CATEGORY"
    ACTION = "ACTION"
    ACTOR = "ACTOR"
    AGENT = "AGENT"
    BOARD = "BOARD"
    TASK = "TASK"


class ProblemCode(Enum):
    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"
    TOO_LARGE = "TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Problem:
    """What a caller of a mutation can mend. `path` leads into the mutation's arguments."""

    code: ProblemCode
    message: str
    path: tuple[str, ...] = ()

    def under(self, *prefix: str) -> "Problem":
        """The same problem, seen from further out."""
        return Problem(self.code, self.message, (*prefix, *self.path))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, as it was then."""

    kind: ActorKind
    id: UUID
    name: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Workspace:
    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Board:
    id: UUID
    name: str
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class Task:
    id: UUID
    title: str
    status: str | None
    is_deleted: bool
    board: Board | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    id: UUID
    name: str
    role: str | None
    is_deleted: bool
    board: Board | None = None


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    name: str | None
    role: str | None
    is_deleted: bool


@dataclass(slots=True)
class FieldChange:
    path: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class Route:
    """The page that a front end should open, by name, with its parameters."""

    name: str
    params: JsonObject


@dataclass(frozen=True, slots=True)
class EntityRef:
    type: str
    id: str


@dataclass(frozen=True, slots=True)
class ActorRef:
    kind: ActorKind
    id: UUID


@dataclass(slots=True, kw_only=True)
class EventInput:
    """One event as a caller hands it in: nothing checked yet but the types. `client_mutation_id` is the caller's own, and not stored.

    Not frozen, as drafts and records are not: a batch builds a thousand, and a frozen `__init__` costs three times as much.
    """

    event_type: str
    action: str | None = None
    outcome: Outcome | None = None
    message: str | None = None
    board_id: str | None = None
    task_id: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    entity_name: str | None = None
    changes: Sequence[FieldChange] = ()
    metadata: Any = None
    occurred_at: datetime | None = None
    correlation_id: str | None = None
    idempotency_key: str | None = None
    actor_kind: ActorKind | None = None
    actor_id: str | None = None
    on_behalf_of_kind: ActorKind | None = None
    on_behalf_of_id: str | None = None
    client_mutation_id: str | None = None


@dataclass(slots=True, kw_only=True)
class EventDraft:
    """One event, checked, redacted and resolved, ready to be numbered. Shapes and bounds as PRODUCT's table has them."""

    workspace_id: UUID
    event_type: str
    category: str
    action: str
    outcome: Outcome
    message: str | None
    actor: Actor
    on_behalf_of: Actor | None
    board_id: UUID | None
    task_id: UUID | None
    entity_type: str
    entity_id: str
    entity_name: str | None
    changes: list[JsonObject]
    metadata: JsonObject
    ip_address: str | None
    user_agent: str | None
    correlation_id: str | None
    idempotency_key: str | None
    content_sha256: bytes | None
    occurred_at: datetime | None


@dataclass(slots=True, eq=False)
class EventRecord:
    """One event as it was read. Not frozen, as above."""

    workspace_id: UUID
    sequence: int
    cursor: str
    id: UUID | None = None
    event_type: str | None = None
    category: str | None = None
    action: str | None = None
    outcome: Outcome | None = None
    message: str | None = None
    actor: Actor | None = None
    agent_id: UUID | None = None
    user_id: UUID | None = None
    on_behalf_of: Actor | None = None
    board_id: UUID | None = None
    board: Board | None = None
    task_id: UUID | None = None
    task: Task | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    entity_name: str | None = None
    changes: list[FieldChange] | None = None
    metadata: JsonObject | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    correlation_id: str | None = None
    occurred_at: datetime | None = None
    created_at: datetime | None = None
    route: Route | None = None

    @property
    def actor_id(self) -> UUID | None:
        return self.actor.id if self.actor else None


class CommentRecord(EventRecord):
    """A `task.comment` event, seen as a comment: the same row under the names that a comment's reader knows."""

    __slots__ = ()

    @property
    def author(self) -> Actor | None:
        return self.actor

    @property
    def agent_name(self) -> str | None:
        return self.actor.name if self.actor and self.actor.kind is ActorKind.AGENT else None

    @property
    def agent_role(self) -> str | None:
        return self.actor.role if self.actor and self.actor.kind is ActorKind.AGENT else None

    @property
    def task_title(self) -> str | None:
        return self.task.title if self.task else None

    @property
    def board_name(self) -> str | None:
        return self.board.name if self.board else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Fields AND, lists OR. None is "not filtered"; an empty list matches nothing."""

    event_type: tuple[str, ...] | None = None
    event_type_prefix: str | None = None
    category: tuple[str, ...] | None = None
    action: tuple[str, ...] | None = None
    outcome: tuple[Outcome, ...] | None = None
    actor_kind: tuple[ActorKind, ...] | None = None
    actor_id: tuple[UUID, ...] | None = None
    agent_id: tuple[UUID, ...] | None = None
    user_id: tuple[UUID, ...] | None = None
    board_id: tuple[UUID, ...] | None = None
    task_id: tuple[UUID, ...] | None = None
    entity: EntityRef | None = None
    correlation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    comments_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page: `limit` items after/before the given positions in `direction`; `backward` takes the last ones of the range."""

    limit: int
    direction: OrderDirection = OrderDirection.DESC
    backward: bool = False
    after: int | None = None
    before: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Edge(Generic[T]):
    cursor: str
    node: T


@dataclass(frozen=True, slots=True)
class Count:
    """`count` is exact, or there are so many and perhaps more."""

    count: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order, with what lies beyond them. `total`: what it tells of the number of the list."""

    edges: list[Edge[T]]
    page_info: PageInfo
    total: Count | None = None

    @property
    def nodes(self) -> list[T]:
        return [edge.node for edge in self.edges]


@dataclass(frozen=True, slots=True)
class MetricPoint:
    start: datetime
    total: int
    failed: int
    is_partial: bool

    @property
    def error_rate_pct(self) -> float | None:
        return error_rate_pct(self.failed, self.total)


@dataclass(frozen=True, slots=True)
class Breakdown:
    key: str
    label: str | None
    total: int
    failed: int


@dataclass(frozen=True, slots=True)
class ActorActivity:
    actor: Actor
    count: int
    failed: int
    last_event_at: datetime


@dataclass(frozen=True, slots=True)
class EventType:
    name: str
    category: str
    action: str
    description: str


@dataclass(frozen=True, slots=True)
class BoardAccess:
    board: Board
    can_read: bool
    can_write: bool


@dataclass(frozen=True, slots=True)
class Logged:
    """What became of one event that was handed in: the event, or the problems that kept it out."""

    event: EventRecord | None = None
    replayed: bool = False
    problems: list[Problem] = field(default_factory=list)


def error_rate_pct(failed: int, total: int) -> float | None:
    """failed / total * 100, or None when there is nothing to divide."""
    return failed / total * 100 if total else None
