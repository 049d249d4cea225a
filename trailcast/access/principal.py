"""From a credential to a principal: who speaks, in which workspace, with what rights. Reads the directory, decides nothing else.

A principal is loaded for one operation (or, by a feed, again whenever the workspace's access version moves) and holds the
rights as they were at that moment. Unknown, expired and revoked credentials, deleted subjects and missing memberships all
end as None: a caller learns only that the credential does not count. The look-up is one indexed read by public id and one
read of the subject, whatever the number of agents.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

import models
from models.base import AnyRow
from trailcast.access.scope import BoardSet, Scope, actor_scope
from trailcast.access.tokens import Token
from trailcast.records import Actor, ActorKind, MembershipRole, Workspace

LAST_USE_EVERY = timedelta(minutes=1)  # a write per request would make every read a write


@dataclass(frozen=True, slots=True)
class Principal:
    """Who one request or socket speaks for. `readable` and `writable` are boards; a service may log for others."""

    actor: Actor
    workspace: Workspace
    scope: Scope
    writable: BoardSet
    role: MembershipRole | None = None
    expires_at: datetime | None = None
    last_use_due: bool = False

    @property
    def is_service(self) -> bool:
        return self.actor.kind is ActorKind.SERVICE


async def load_principal(
    connection: AsyncConnection, token: Token, workspace_id: UUID | None, now: datetime
) -> Principal | None:
    """The principal behind a token; `workspace_id` picks among a user's memberships (the oldest counts without it)."""
    credential = (
        await connection.execute(
            select(models.Credential)
            .with_only_columns(
                models.Credential.kind,
                models.Credential.workspace_id,
                models.Credential.subject_id,
                models.Credential.secret_sha256,
                models.Credential.expires_at,
                models.Credential.last_used_at,
                models.Credential.revoked_at,
            )
            .where(models.Credential.id == token.public_id)
        )
    ).one_or_none()
    if credential is None or not token.matches(credential.secret_sha256) or credential.kind != token.kind.value:
        return None
    if credential.revoked_at is not None or (credential.expires_at is not None and credential.expires_at <= now):
        return None
    due = credential.last_used_at is None or credential.last_used_at <= now - LAST_USE_EVERY
    if token.kind is ActorKind.USER:
        return await load_user(connection, credential.subject_id, workspace_id, credential.expires_at, last_use_due=due)
    if workspace_id not in {None, credential.workspace_id}:
        return None
    row = await _load_subject(connection, token.kind, credential.workspace_id, credential.subject_id)
    return None if row is None else _program(token.kind, row, credential.expires_at, last_use_due=due)


async def load_user(
    connection: AsyncConnection,
    user_id: UUID,
    workspace_id: UUID | None,
    expires_at: datetime | None,
    *,
    last_use_due: bool = False,
) -> Principal | None:
    """A user in the workspace it asked for, or in that of its oldest membership."""
    membership, user, grant = models.Membership, models.User, models.BoardGrant
    granted = (
        select(func.array_agg(grant.board_id), func.array_agg(grant.board_id).filter(grant.can_write))
        .where(grant.workspace_id == membership.workspace_id, grant.user_id == membership.user_id)
        .where(grant.can_read | grant.can_write)
        .lateral("granted")
    )
    query = (
        select(
            user.name,
            user.role.label("user_role"),
            membership.role,
            membership.all_boards_read,
            membership.all_boards_write,
            models.Workspace.id,
            models.Workspace.name.label("workspace_name"),
            *granted.columns,
        )
        .join_from(membership, user, (user.workspace_id == membership.workspace_id) & (user.id == membership.user_id))
        .join(models.Workspace, models.Workspace.id == membership.workspace_id)
        .join(granted, onclause=membership.user_id == membership.user_id)
        .where(membership.user_id == user_id, ~user.is_deleted)
        .order_by(membership.created_at, membership.workspace_id)
        .limit(1)
    )
    if workspace_id is not None:
        query = query.where(membership.workspace_id == workspace_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    name, title, role_name, all_read, all_write, home_id, home_name, readable, writable = row
    role = MembershipRole(role_name)
    everything = role is not MembershipRole.MEMBER
    boards = BoardSet(all=all_read or all_write, ids=frozenset(readable or ()))
    return Principal(
        actor=Actor(ActorKind.USER, user_id, name or None, title),
        workspace=Workspace(home_id, home_name),
        scope=actor_scope(ActorKind.USER, user_id, home_id, boards, everything=everything),
        writable=BoardSet(all=everything or all_write, ids=frozenset(writable or ())),
        role=role,
        expires_at=expires_at,
        last_use_due=last_use_due,
    )


async def list_workspaces(connection: AsyncConnection, user_id: UUID) -> list[Workspace]:
    """Where a user has memberships, the oldest first."""
    membership = models.Membership
    rows = await connection.execute(
        select(models.Workspace.id, models.Workspace.name)
        .join(membership, membership.workspace_id == models.Workspace.id)
        .join(models.User, (models.User.workspace_id == membership.workspace_id) & (models.User.id == user_id))
        .where(membership.user_id == user_id, ~models.User.is_deleted)
        .order_by(membership.created_at, membership.workspace_id)
    )
    return [Workspace(*row) for row in rows]


async def touch_credential(connection: AsyncConnection, public_id: str, now: datetime) -> None:
    """Note the last use; of several processes that come at once, one writes."""
    stale = models.Credential.last_used_at.is_(None) | (models.Credential.last_used_at <= now - LAST_USE_EVERY)
    await connection.execute(
        update(models.Credential).where(models.Credential.id == public_id, stale).values(last_used_at=now)
    )


async def _load_subject(
    connection: AsyncConnection, kind: ActorKind, workspace_id: UUID, subject_id: UUID
) -> AnyRow | None:
    subject = models.Agent if kind is ActorKind.AGENT else models.Service
    extra = (models.Agent.role, models.Agent.board_id) if kind is ActorKind.AGENT else (null(), null())
    query = (
        select(subject.id, subject.name, *extra, models.Workspace.id, models.Workspace.name)
        .join(models.Workspace, models.Workspace.id == subject.workspace_id)
        .where(subject.workspace_id == workspace_id, subject.id == subject_id, ~subject.is_deleted)
    )
    row: AnyRow | None = (await connection.execute(query)).one_or_none()
    return row


def _program(
    kind: ActorKind,
    row: AnyRow,
    expires_at: datetime | None,
    *,
    last_use_due: bool,
) -> Principal:
    """An agent (its own board, or all where it has none) or a service (everything)."""
    subject_id, name, role, board_id, workspace_id, workspace_name = row
    boards = BoardSet(ids=frozenset({board_id})) if board_id is not None else BoardSet(all=True)
    everything = kind is ActorKind.SERVICE
    return Principal(
        actor=Actor(kind, subject_id, name, role),
        workspace=Workspace(workspace_id, workspace_name),
        scope=actor_scope(kind, subject_id, workspace_id, boards, everything=everything),
        writable=BoardSet(all=True) if everything else boards,
        expires_at=expires_at,
        last_use_due=last_use_due,
    )
