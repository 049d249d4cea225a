"""THE write path of the log: takes numbers under the heads' locks and inserts. Every event passes here, once.

The head row of a workspace is locked before a number is taken and until the commit, so within a workspace the order of
sequence is the order of commits, dense and without gaps: a follower that reads "sequence > last" can miss nothing. The
price is that appends to one workspace queue up; groups (`trailcast.ledger.group`) are how to go fast. Heads are locked in id order,
so two groups cannot deadlock. Idempotency keys are looked up under the same lock, so of fifty racing retries one writes.

What is not decided here: who may write what (`resolvers.log`), and when the doorbell rings (after the commit, by the caller).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
from asyncpg.pgproto import pgproto
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from trailcast.errors import NotFound
from trailcast.ledger.arrays import FIND_KEYS, LOCK_HEADS, MOVE_HEADS_AND_INSERT, Row, arguments_of
from trailcast.ledger.database import dumps
from trailcast.ledger.lanes import driver_of
from trailcast.records import ActorKind, EventDraft, Problem, ProblemCode


@dataclass(slots=True)
class Appended:
    """Where an event stands in its workspace's log. `replayed`: it stood there before, under the same key. Not frozen, as records."""

    sequence: int
    replayed: bool = False
    # Those of an event that was written now.
    id: UUID | None = field(default=None, compare=False)
    created_at: datetime | None = field(default=None, compare=False)


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
_NOBODY = (None,) * 4


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

    Two statements, and one more where there are idempotency keys, however many events there are. `recorded_at` (one time per draft,
    not falling) is for importing history into an empty log; otherwise the database's clock says when. Raises NotFound for a workspace
    without a head.
    """
    driver = driver_of(connection)
    drafts = [draft for submission in submissions for draft in submission.drafts]
    if not drafts:
        return [Receipt() for _ in submissions]
    heads = await _lock_heads(driver, {draft.workspace_id for draft in drafts})
    known = await _known_keys(driver, drafts)
    times = iter(recorded_at) if recorded_at is not None else None
    rows: list[Row] = []
    receipts = [_number(submission, heads, known, rows, times) for submission in submissions]
    if rows:
        moved = [(workspace_id, head.sequence, head.created_at) for workspace_id, head in heads.items() if head.moved]
        await driver.execute(MOVE_HEADS_AND_INSERT, *zip(*moved, strict=True), *arguments_of(rows))
    return receipts


async def _lock_heads(driver: asyncpg.Connection, workspace_ids: set[UUID]) -> dict[UUID, _Head]:
    heads = {row[0]: _Head(row[1], row[2], row[3]) for row in await driver.fetch(LOCK_HEADS, workspace_ids)}
    if len(heads) != len(workspace_ids):
        raise NotFound("There is no such workspace.")
    return heads


async def _known_keys(driver: asyncpg.Connection, drafts: Iterable[EventDraft]) -> dict[Key, tuple[int, bytes]]:
    """Sequence and content of the events that hold one of the drafts' keys."""
    keys = {(draft.workspace_id, draft.idempotency_key) for draft in drafts if draft.idempotency_key is not None}
    if not keys:
        return {}
    rows = await driver.fetch(FIND_KEYS, *zip(*keys, strict=True))
    return {(workspace_id, key): (sequence, content or b"") for workspace_id, key, sequence, content in rows}


def _number(
    submission: Submission,
    heads: dict[UUID, _Head],
    known: dict[Key, tuple[int, bytes]],
    rows: list[Row],
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
        own_time = next(times) if times is not None else None
        sequence, created_at = heads[draft.workspace_id].take(own_time)
        event_id = _new_id()
        rows.append(_row(draft, sequence, event_id, own_time))
        appended.append(Appended(sequence, id=event_id, created_at=created_at))
        if key is not None:
            known[key] = (sequence, draft.content_sha256 or b"")
    return Receipt(appended=appended)


def _new_id() -> UUID:
    # The driver's kind of UUID is made, written and sent in a fraction of the time.
    return pgproto.UUID(uuid7().bytes)


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


def _row(draft: EventDraft, sequence: int, event_id: UUID, created_at: datetime | None) -> Row:
    """The values of COLUMNS."""
    actor, behalf = draft.actor, draft.on_behalf_of
    kind = actor.kind
    return (
        draft.workspace_id, sequence, event_id, created_at, draft.occurred_at, draft.event_type, draft.category, draft.action,
        draft.outcome.value, draft.message,
        kind.value, actor.id, actor.name, actor.role,
        actor.id if kind is ActorKind.AGENT else None, actor.id if kind is ActorKind.USER else None,
        *(_NOBODY if behalf is None else (behalf.kind.value, behalf.id, behalf.name, behalf.role)),
        draft.board_id, draft.task_id, draft.entity_type, draft.entity_id, draft.entity_name,
        dumps(draft.changes), dumps(draft.metadata),
        draft.ip_address, draft.user_agent, draft.correlation_id, draft.idempotency_key, draft.content_sha256,
    )  # fmt: skip
