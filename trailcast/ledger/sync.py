"""Writes the directory, and what a change of access leaves in the log, in one transaction.

Rows are upserted by id within the workspace; a column that was not given keeps its value, so the same call twice changes
nothing. The head is locked first: it orders concurrent calls, and the log's own events need it anyway. Rows that name something
unknown are left out and reported; the others are written. Rights are compared before and after, and each difference is an event.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from sqlalchemy import delete, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

import models
from trailcast.ledger.append import Submission, append
from trailcast.ledger.catalogue import action_of, category_of
from trailcast.records import Actor, EventDraft, JsonObject, Outcome, Problem, ProblemCode

Values: TypeAlias = dict[str, Any]

# In the order in which they may refer to each other.
TABLES: dict[str, Any] = {
    "projects": models.Project,
    "boards": models.Board,
    "users": models.User,
    "agents": models.Agent,
    "tasks": models.Task,
    "memberships": models.Membership,
}
REFERENCES = {"project_id": "projects", "board_id": "boards", "user_id": "users"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to write: where it stood in the call, and the columns that were given. `grants` (None: as they are) is a
    membership's alone."""

    kind: str
    index: int
    values: Values
    grants: Mapping[UUID, tuple[bool, bool]] | None = None
    removed: bool = False

    def problem(self, code: ProblemCode, message: str, *path: str) -> Problem:
        return Problem(code, message, (self.kind, str(self.index), *path))


@dataclass(slots=True)
class Synced:
    """How many rows were accepted, what kept the others out, and where the log ends now (None: nothing was logged)."""

    upserted: int = 0
    problems: list[Problem] = field(default_factory=list)
    last_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class _Rights:
    """What a membership allows, as it is shown in the changes of an event."""

    role: str
    all_boards_read: bool
    all_boards_write: bool
    grants: Mapping[UUID, tuple[bool, bool]]

    def fields(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "role": self.role, "allBoardsRead": self.all_boards_read, "allBoardsWrite": self.all_boards_write,
        }  # fmt: skip
        for board_id, (can_read, can_write) in self.grants.items():
            shown[f"grants.{board_id}"] = {"canRead": can_read, "canWrite": can_write}
        return shown


async def sync(
    connection: AsyncConnection,
    workspace_id: UUID,
    actor: Actor,
    entries: Sequence[Entry],
    recorded_at: datetime | None = None,
) -> Synced:
    """Write the entries in the caller's transaction. `actor` is who the changes of access are logged under.

    `recorded_at` is for importing history, as in `append`: when the changes of access came to be.
    """
    await connection.execute(
        select(models.Head.workspace_id).where(models.Head.workspace_id == workspace_id).with_for_update()
    )
    synced = Synced()
    known = await _known(connection, workspace_id, entries)
    accepted: dict[str, list[Entry]] = defaultdict(list)
    taken = await _external_ids(connection, workspace_id, entries)
    for kind in TABLES:
        for entry in (entry for entry in entries if entry.kind == kind):
            problem = _unknown_reference(entry, known) or _taken_identity(entry, taken)
            if problem is not None:
                synced.problems.append(problem)
                continue
            accepted[kind].append(entry)
            if "id" in entry.values:
                known[kind].add(entry.values["id"])
    for kind in TABLES:
        if kind != "memberships":
            await _upsert(connection, workspace_id, kind, accepted[kind])
    await _sync_access(connection, workspace_id, actor, accepted["memberships"], synced, recorded_at)
    synced.upserted = sum(map(len, accepted.values()))
    return synced


async def _known(connection: AsyncConnection, workspace_id: UUID, entries: Sequence[Entry]) -> dict[str, set[UUID]]:
    """Which of the things that the entries refer to exist."""
    named: dict[str, set[UUID]] = defaultdict(set)
    for entry in entries:
        for column, kind in REFERENCES.items():
            if entry.values.get(column) is not None:
                named[kind].add(entry.values[column])
        named["boards"].update(entry.grants or ())
    known: dict[str, set[UUID]] = {kind: set() for kind in TABLES}
    for kind, ids in named.items():
        model = TABLES[kind]
        rows = await connection.execute(select(model.id).where(model.workspace_id == workspace_id, model.id.in_(ids)))
        known[kind] = set(rows.scalars())
    return known


def _unknown_reference(entry: Entry, known: Mapping[str, Collection[UUID]]) -> Problem | None:
    for column, kind in REFERENCES.items():
        value = entry.values.get(column)
        if value is not None and value not in known[kind]:
            name = column.removesuffix("_id")
            message = f"There is no such {name} in this workspace: send it in the same call or before."
            return entry.problem(ProblemCode.NOT_FOUND, message, f"{name}Id")
    for position, board_id in enumerate(entry.grants or ()):
        if board_id not in known["boards"]:
            message = "There is no such board in this workspace: send it in the same call or before."
            return entry.problem(ProblemCode.NOT_FOUND, message, "grants", str(position), "boardId")
    return None


async def _external_ids(connection: AsyncConnection, workspace_id: UUID, entries: Sequence[Entry]) -> dict[str, UUID]:
    """Whose the identities are that the entries claim."""
    claimed = {entry.values["external_id"] for entry in entries if entry.values.get("external_id") is not None}
    if not claimed:
        return {}
    user = models.User
    rows = await connection.execute(
        select(user.external_id, user.id).where(user.workspace_id == workspace_id, user.external_id.in_(claimed))
    )
    return {external_id: user_id for external_id, user_id in rows if external_id is not None}


def _taken_identity(entry: Entry, taken: dict[str, UUID]) -> Problem | None:
    external_id = entry.values.get("external_id")
    if external_id is not None and taken.setdefault(external_id, entry.values["id"]) != entry.values["id"]:
        return entry.problem(ProblemCode.CONFLICT, "Another user of this workspace has this externalId.", "externalId")
    return None


async def _upsert(connection: AsyncConnection, workspace_id: UUID, kind: str, entries: Sequence[Entry]) -> None:
    """One statement for each set of columns that was given."""
    shapes: dict[tuple[str, ...], list[Values]] = defaultdict(list)
    for entry in entries:
        shapes[tuple(sorted(entry.values))].append({"workspace_id": workspace_id, **entry.values})
    for rows in shapes.values():
        await connection.execute(_put(TABLES[kind], rows[0]), rows)


def _put(model: Any, row: Values) -> Insert:
    """Insert, or update where something differs: a row that is as it should be fires no trigger and counts as no change of access."""
    keys = [column.name for column in model.__table__.primary_key]
    statement = upsert(model)
    changed = {name: statement.excluded[name] for name in row if name not in keys}
    if not changed:
        return statement.on_conflict_do_nothing(index_elements=keys)
    differs = or_(*(getattr(model, name).is_distinct_from(value) for name, value in changed.items()))
    return statement.on_conflict_do_update(index_elements=keys, set_=changed, where=differs)


async def _sync_access(  # noqa: PLR0917 - the middle of `sync`
    connection: AsyncConnection,
    workspace_id: UUID,
    actor: Actor,
    entries: Sequence[Entry],
    synced: Synced,
    recorded_at: datetime | None,
) -> None:
    """Memberships and grants, and an event for each that is different afterwards."""
    users = [entry.values["user_id"] for entry in entries]
    if not users:
        return
    before = await _rights(connection, workspace_id, users)
    membership, grant = models.Membership, models.BoardGrant
    gone = [entry.values["user_id"] for entry in entries if entry.removed]
    await connection.execute(
        delete(membership).where(membership.workspace_id == workspace_id, membership.user_id.in_(gone))
    )
    staying = [entry for entry in entries if not entry.removed]
    await _upsert(connection, workspace_id, "memberships", staying)
    replaced = [entry for entry in staying if entry.grants is not None]
    owners = [entry.values["user_id"] for entry in replaced]
    rows = [
        {
            "workspace_id": workspace_id, "user_id": entry.values["user_id"], "board_id": board_id,
            "can_read": can_read, "can_write": can_write,
        }
        for entry in {entry.values["user_id"]: entry for entry in replaced}.values()
        for board_id, (can_read, can_write) in (entry.grants or {}).items()
    ]  # fmt: skip
    kept = tuple_(grant.user_id, grant.board_id).in_([(row["user_id"], row["board_id"]) for row in rows])
    await connection.execute(delete(grant).where(grant.workspace_id == workspace_id, grant.user_id.in_(owners), ~kept))
    if rows:
        await connection.execute(_put(grant, rows[0]), rows)
    after = await _rights(connection, workspace_id, users)
    names = await _names(connection, workspace_id, users)
    drafts = [
        draft
        for user_id in dict.fromkeys(users)
        if (
            draft := _access_event(
                workspace_id, actor, user_id, names.get(user_id), before.get(user_id), after.get(user_id)
            )
        )
    ]
    if drafts:
        times = None if recorded_at is None else [recorded_at] * len(drafts)
        [receipt] = await append(connection, [Submission(drafts)], times)
        synced.last_sequence = receipt.appended[-1].sequence


async def _rights(connection: AsyncConnection, workspace_id: UUID, users: Sequence[UUID]) -> dict[UUID, _Rights]:
    membership, grant = models.Membership, models.BoardGrant
    grants: dict[UUID, dict[UUID, tuple[bool, bool]]] = defaultdict(dict)
    for user_id, board_id, can_read, can_write in await connection.execute(
        select(grant.user_id, grant.board_id, grant.can_read, grant.can_write)
        .where(grant.workspace_id == workspace_id, grant.user_id.in_(users))
        .order_by(grant.board_id)
    ):
        grants[user_id][board_id] = (can_read, can_write)
    rows = await connection.execute(
        select(membership.user_id, membership.role, membership.all_boards_read, membership.all_boards_write).where(
            membership.workspace_id == workspace_id, membership.user_id.in_(users)
        )
    )
    return {user_id: _Rights(role, read, write, grants[user_id]) for user_id, role, read, write in rows}


async def _names(connection: AsyncConnection, workspace_id: UUID, users: Sequence[UUID]) -> dict[UUID, str | None]:
    user = models.User
    name = func.nullif(user.name, "")
    rows = await connection.execute(select(user.id, name).where(user.workspace_id == workspace_id, user.id.in_(users)))
    return dict(map(tuple, rows))


def _access_event(  # noqa: PLR0917 - before and after of one user
    workspace_id: UUID, actor: Actor, user_id: UUID, name: str | None, before: _Rights | None, after: _Rights | None
) -> EventDraft | None:
    """The event of one user's change of access, or None where nothing changed."""
    if before == after:
        return None
    old, new = before.fields() if before else {}, after.fields() if after else {}
    changes: list[JsonObject] = [
        {"path": path, "before": old.get(path), "after": new.get(path)}
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path)
    ]
    what = "member_added" if before is None else "member_removed" if after is None else "member_updated"
    event_type = f"workspace.{what}"
    return EventDraft(
        workspace_id=workspace_id,
        event_type=event_type,
        category=category_of(event_type),
        action=action_of(event_type),
        outcome=Outcome.SUCCESS,
        message=None,
        actor=actor,
        on_behalf_of=None,
        board_id=None,
        task_id=None,
        entity_type="user",
        entity_id=str(user_id),
        entity_name=name,
        changes=changes,
        metadata={},
        ip_address=None,
        user_agent=None,
        correlation_id=None,
        idempotency_key=None,
        content_sha256=None,
        occurred_at=None,
    )


async def add_user(connection: AsyncConnection, workspace_id: UUID, external_id: str) -> bool:
    """Whether the workspace knows this person only from now on: as a user with no membership, who sees nothing."""
    # Its `sub` is all that is known of it, and is what a list of users can show until the platform names it.
    values = {"workspace_id": workspace_id, "id": uuid4(), "external_id": external_id, "name": external_id}
    statement = upsert(models.User).values(values).on_conflict_do_nothing().returning(models.User.id)
    return (await connection.execute(statement)).scalar_one_or_none() is not None
