"""THE write path of the log: takes numbers under the heads' locks and inserts. Every event passes here, once.

The head row of a workspace is locked before a number is taken and until the commit, so within a workspace the order of
sequence is the order of commits, dense and without gaps: a follower that reads "sequence > last" can miss nothing. The
price is that appends to one workspace queue up; groups (`trailcast.ledger.group`) are how to go fast. Heads are locked in id order,
so two groups cannot deadlock. Idempotency keys are looked up under the same lock, so of fifty racing retries one writes.

What is not decided here: who may write what (`resolvers.log`), and when the doorbell rings (after the commit, by the caller).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from models import Event, Head
from trailcast.errors import NotFound
from trailcast.records import Actor, ActorKind, EventDraft, Problem, ProblemCode


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an event stands in its workspace's log. `replayed`: it stood there before, under the same key."""

    sequence: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """Events that are written together or not at all."""

    drafts: Sequence[EventDraft]


@dataclass(frozen=True, slots=True)
class Receipt:
    """One entry per draft, or the problems (by index) for which none was written."""

    appended: Sequence[Appended] = ()
    problems: Sequence[tuple[int, Problem]] = ()


Key = tuple[UUID, str]


class _Head:
    """A locked head, while numbers are taken from it."""

    def __init__(self, last_sequence: int, last_created_at: datetime, now: datetime) -> None:
        self.sequence = last_sequence
        # A clock that stepped back, on this host or another, must not make time fall along the sequence.
        self.created_at = max(last_created_at, now)
        self.moved = False

    def take(self, created_at: datetime | None) -> tuple[int, datetime]:
        self.sequence += 1
        self.moved = True
        if created_at is not None:
            self.created_at = created_at
        return self.sequence, self.created_at


async def append(
    connection: AsyncConnection, submissions: Sequence[Submission], recorded_at: Sequence[datetime] | None = None
) -> list[Receipt]:
    """Write what can be written, in the caller's transaction; a receipt for each submission, in order.

    `recorded_at` (one time per draft, not falling) is for importing history into an empty log; otherwise the database's
    clock says when. Raises NotFound for a workspace without a head.
    """
    drafts = [draft for submission in submissions for draft in submission.drafts]
    heads = await _lock_heads(connection, {draft.workspace_id for draft in drafts})
    known = await _known_keys(connection, drafts)
    times = iter(recorded_at) if recorded_at is not None else None
    rows: list[dict[str, object]] = []
    receipts = [_number(submission, heads, known, rows, times) for submission in submissions]
    if rows:
        await connection.execute(insert(Event), rows)
        await _move_heads(connection, heads)
    return receipts


async def _lock_heads(connection: AsyncConnection, workspace_ids: set[UUID]) -> dict[UUID, _Head]:
    query = (
        select(Head.workspace_id, Head.last_sequence, Head.last_created_at, func.clock_timestamp())
        .where(Head.workspace_id.in_(workspace_ids))
        .order_by(Head.workspace_id)
        .with_for_update()
    )
    heads = {row[0]: _Head(row[1], row[2], row[3]) for row in await connection.execute(query)}
    if len(heads) != len(workspace_ids):
        raise NotFound("There is no such workspace.")
    return heads


async def _known_keys(connection: AsyncConnection, drafts: Iterable[EventDraft]) -> dict[Key, tuple[int, bytes]]:
    """Sequence and content of the events that hold one of the drafts' keys."""
    keys = {(draft.workspace_id, draft.idempotency_key) for draft in drafts if draft.idempotency_key is not None}
    if not keys:
        return {}
    rows = await connection.execute(
        select(Event.workspace_id, Event.idempotency_key, Event.sequence, Event.content_sha256).where(
            tuple_(Event.workspace_id, Event.idempotency_key).in_(keys)
        )
    )
    return {
        (workspace, key): (sequence, content or b"") for workspace, key, sequence, content in rows if key is not None
    }


def _number(
    submission: Submission,
    heads: dict[UUID, _Head],
    known: dict[Key, tuple[int, bytes]],
    rows: list[dict[str, object]],
    times: Iterator[datetime] | None,
) -> Receipt:
    """Give each draft its number, or find it written already. Touches nothing if any key stands for other content."""
    problems = _conflicts(submission, known)
    if problems:
        return Receipt(problems=problems)
    appended = []
    for draft in submission.drafts:
        key = None if draft.idempotency_key is None else (draft.workspace_id, draft.idempotency_key)
        if key is not None and key in known:
            appended.append(Appended(known[key][0], replayed=True))
            continue
        sequence, created_at = heads[draft.workspace_id].take(next(times) if times is not None else None)
        rows.append(_row(draft, sequence, created_at))
        appended.append(Appended(sequence))
        if key is not None:
            known[key] = (sequence, draft.content_sha256 or b"")
    return Receipt(appended=appended)


def _conflicts(submission: Submission, known: dict[Key, tuple[int, bytes]]) -> list[tuple[int, Problem]]:
    """The drafts whose key is taken by other content, in the log, in this group or earlier in the same submission."""
    problems: list[tuple[int, Problem]] = []
    here: dict[Key, bytes | None] = {}
    for index, draft in enumerate(submission.drafts):
        if draft.idempotency_key is None:
            continue
        key = (draft.workspace_id, draft.idempotency_key)
        taken = known[key][1] if key in known else here.setdefault(key, draft.content_sha256)
        if taken != draft.content_sha256:
            message = "This idempotency key stands for an event with other content: use a new key for a new event."
            problems.append((index, Problem(ProblemCode.CONFLICT, message, ("idempotencyKey",))))
    return problems


async def _move_heads(connection: AsyncConnection, heads: dict[UUID, _Head]) -> None:
    for workspace_id, head in heads.items():
        if head.moved:
            await connection.execute(
                update(Head)
                .where(Head.workspace_id == workspace_id)
                .values(last_sequence=head.sequence, last_created_at=head.created_at)
            )


def _row(draft: EventDraft, sequence: int, created_at: datetime) -> dict[str, object]:
    actor, behalf = draft.actor, draft.on_behalf_of
    return {
        "workspace_id": draft.workspace_id,
        "sequence": sequence,
        "id": uuid7(),
        "created_at": created_at,
        "occurred_at": draft.occurred_at or created_at,
        "event_type": draft.event_type,
        "category": draft.category,
        "action": draft.action,
        "outcome": draft.outcome.value,
        "message": draft.message,
        **_actor_columns("actor", actor),
        "agent_id": actor.id if actor.kind is ActorKind.AGENT else None,
        "user_id": actor.id if actor.kind is ActorKind.USER else None,
        **_actor_columns("on_behalf_of", behalf),
        "board_id": draft.board_id,
        "task_id": draft.task_id,
        "entity_type": draft.entity_type,
        "entity_id": draft.entity_id,
        "entity_name": draft.entity_name,
        "changes": draft.changes,
        "metadata": draft.metadata,
        "ip_address": draft.ip_address,
        "user_agent": draft.user_agent,
        "correlation_id": draft.correlation_id,
        "idempotency_key": draft.idempotency_key,
        "content_sha256": draft.content_sha256,
    }


def _actor_columns(prefix: str, actor: Actor | None) -> dict[str, object]:
    values = (actor.kind.value, actor.id, actor.name, actor.role) if actor else (None,) * 4
    return {f"{prefix}_{name}": value for name, value in zip(("kind", "id", "name", "role"), values, strict=True)}
