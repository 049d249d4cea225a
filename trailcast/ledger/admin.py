"""What an operator does from the command line, and nobody through the API: make workspaces, make and end tokens.

Runs on the operator's own connection. A token's text leaves `create_token` once and is stored nowhere; its revocation counts at once,
because a trigger marks the change of access and rings.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

import models
from trailcast.access.tokens import SCOPES, TokenScope, make_token
from trailcast.errors import NotFound
from trailcast.records import ActorKind, Workspace

FILLING_LOCK = 7_241_969_518  # any number that nothing else in the database uses
SUBJECTS: dict[ActorKind, Any] = {
    ActorKind.AGENT: models.Agent,
    ActorKind.USER: models.User,
    ActorKind.SERVICE: models.Service,
}


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as it may be shown again: everything but its secret."""

    id: str
    kind: str
    name: str
    subject_id: UUID
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rotated:
    """A new token in place of an old one: its text, until when it counts, and until when the old one still does."""

    text: str
    expires_at: datetime | None
    old_expires_at: datetime


async def create_workspace(connection: AsyncConnection, name: str, workspace_id: UUID | None = None) -> UUID:
    """A new workspace with an empty log; its id."""
    identity = workspace_id or uuid4()
    await connection.execute(insert(models.Workspace).values(id=identity, name=name))
    await connection.execute(insert(models.Head).values(workspace_id=identity))
    return identity


async def claim_unused(connection: AsyncConnection) -> bool:
    """Whether there is no workspace at all. Whoever else asks waits for the end of this transaction, so that one of them fills it."""
    await connection.execute(select(func.pg_advisory_xact_lock(FILLING_LOCK)))
    return not await list_workspaces(connection)


async def list_workspaces(connection: AsyncConnection) -> list[Workspace]:
    """All workspaces, the oldest first."""
    rows = await connection.execute(
        select(models.Workspace.id, models.Workspace.name).order_by(models.Workspace.created_at, models.Workspace.id)
    )
    return [Workspace(*row) for row in rows]


async def find_workspace(connection: AsyncConnection, name_or_id: str) -> Workspace:
    """The workspace with this id, or the only one with this name. Raises NotFound."""
    found = [entry for entry in await list_workspaces(connection) if name_or_id in {entry.name, str(entry.id)}]
    if len(found) != 1:
        raise NotFound(f"{len(found)} workspaces are called {name_or_id!r}: give the id of one.")
    return found[0]


async def ensure_service(connection: AsyncConnection, workspace_id: UUID, name: str) -> UUID:
    """The service of this name, made if it is not there; its id."""
    service = models.Service
    inserted = upsert(service).values(workspace_id=workspace_id, id=uuid4(), name=name)
    # An update that changes nothing, because DO NOTHING returns nothing.
    statement = inserted.on_conflict_do_update(
        index_elements=["workspace_id", "name"], set_={"name": inserted.excluded.name}
    ).returning(service.id)
    identity: UUID = (await connection.execute(statement)).scalar_one()
    return identity


async def find_subject(connection: AsyncConnection, workspace_id: UUID, kind: ActorKind, name_or_id: str) -> UUID:
    """The agent, user or service with this id or (if it is the only one) name; a service is made. Raises NotFound."""
    if kind is ActorKind.SERVICE:
        return await ensure_service(connection, workspace_id, name_or_id)
    model = SUBJECTS[kind]
    matching = [model.name == name_or_id, func.text(model.id) == name_or_id.lower()]
    if kind is ActorKind.USER:
        matching.append(model.external_id == name_or_id)
    ids: Sequence[UUID] = (
        (
            await connection.execute(
                select(model.id).where(model.workspace_id == workspace_id, ~model.is_deleted, or_(*matching)).limit(2)
            )
        )
        .scalars()
        .all()
    )
    if len(ids) != 1:
        count = "several are" if ids else "none is"
        raise NotFound(
            f"No single {kind.value.lower()} is meant by {name_or_id!r} ({count}): give the id, or sync the directory first."
        )
    return ids[0]


async def create_token(
    connection: AsyncConnection,
    kind: ActorKind,
    workspace_id: UUID,
    subject_id: UUID,
    *,
    name: str,
    expires_at: datetime | None = None,
    scopes: Collection[TokenScope] = (),
) -> str:
    """A new token for the subject: its text, which is not to be had again. Without scopes it has all that its kind may have."""
    token = make_token(kind)
    await connection.execute(
        insert(models.Credential).values(
            id=token.public_id,
            kind=kind.value,
            workspace_id=None if kind is ActorKind.USER else workspace_id,
            subject_id=subject_id,
            name=name,
            scopes=[scope.value for scope in TokenScope if scope in (scopes or SCOPES[kind])],
            secret_sha256=token.secret_sha256,
            expires_at=expires_at,
        )
    )
    return str(token)


async def list_tokens(connection: AsyncConnection, workspace_id: UUID) -> list[TokenRow]:
    """The tokens of the workspace's agents and services, and of the users who are its members."""
    credential, membership = models.Credential, models.Membership
    members = select(membership.user_id).where(membership.workspace_id == workspace_id)
    rows = await connection.execute(
        select(
            credential.id,
            credential.kind,
            credential.name,
            credential.subject_id,
            credential.scopes,
            credential.created_at,
            credential.expires_at,
            credential.last_used_at,
            credential.revoked_at,
        )
        .where(or_(credential.workspace_id == workspace_id, credential.subject_id.in_(members)))
        .order_by(credential.created_at, credential.id)
    )
    return [TokenRow(*row) for row in rows]


async def rotate_token(connection: AsyncConnection, public_id: str, overlap: timedelta, now: datetime) -> Rotated:
    """A new token like this one, which counts for as long as this one did from its making. This one ends when the overlap is over, or
    before, if it would have. Raises NotFound for one that does not count any more."""
    credential = models.Credential
    counts = (credential.revoked_at.is_(None), or_(credential.expires_at.is_(None), credential.expires_at > now))
    statement = select(credential).where(credential.id == public_id, *counts).with_for_update()
    old = (await connection.execute(statement)).mappings().one_or_none()
    if old is None:
        raise NotFound(f"There is no token {public_id!r} that could be rotated: `token list` shows their ids.")
    expires_at, old_expires_at = None, now + overlap
    if old["expires_at"] is not None:
        # The making is by the database's clock, the end by the host's: their difference is not to add up.
        lifetime_s = round((old["expires_at"] - old["created_at"]).total_seconds())
        expires_at, old_expires_at = now + timedelta(seconds=lifetime_s), min(old["expires_at"], old_expires_at)
    token = make_token(ActorKind(old["kind"]))
    same = {name: old[name] for name in ("kind", "workspace_id", "subject_id", "name", "scopes")}
    await connection.execute(
        insert(credential).values(**same, id=token.public_id, secret_sha256=token.secret_sha256, expires_at=expires_at)
    )
    # Which marks a change of access: what runs by the old token learns when it ends.
    await connection.execute(update(credential).where(credential.id == public_id).values(expires_at=old_expires_at))
    return Rotated(str(token), expires_at, old_expires_at)


async def revoke_token(connection: AsyncConnection, public_id: str) -> None:
    """End a token at once, in running streams too. Raises NotFound for one that is unknown or has been revoked."""
    credential = models.Credential
    done = await connection.execute(
        update(credential)
        .where(credential.id == public_id, credential.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(credential.id)
    )
    if done.scalar_one_or_none() is None:
        raise NotFound(f"There is no token {public_id!r} that could be revoked: `token list` shows their ids.")
