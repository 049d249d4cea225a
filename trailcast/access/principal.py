"""From credentials to principals: who speaks, in which workspace, with what rights. Reads the directory, decides nothing else.

A principal is loaded for one operation (or, by a feed, again whenever the workspace's access version moves) and holds the
rights as they were at that moment, with the head of the log and the access version of the same snapshot. Unknown, expired and
revoked credentials, deleted subjects and missing memberships all end as None: a caller learns only that the credential does not
count. Many are looked up in one statement per kind, each through keys and indexes, whatever the number of agents.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    TableValuedAlias,
    Text,
    Uuid,
    any_,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

import models
from models.base import AnyRow, AnySelect
from trailcast.access.scope import BoardSet, Scope, actor_scope
from trailcast.access.tokens import Token
from trailcast.records import Actor, ActorKind, MembershipRole, Workspace

LAST_USE_EVERY = timedelta(minutes=1)  # a write per request would make every read a write

credential = models.Credential


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request or a socket presented, taken apart but not yet looked up. `workspace_id` picks among a user's memberships;
    without it the oldest counts."""

    token: Token
    workspace_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a JWT that was verified speaks for, until when: `external_id` is its `sub`. `workspace_id` as with `Credentials`."""

    external_id: str
    expires_at: datetime
    workspace_id: UUID | None = None


Presented: TypeAlias = Credentials | Identity


@dataclass(frozen=True, slots=True)
class LogHead:
    """Where a workspace's log ends and begins, and which version of its access rights is in force."""

    last_sequence: int
    first_sequence: int
    access_version: int


@dataclass(frozen=True, slots=True)
class Principal:
    """Who one request or socket speaks for. `readable` and `writable` are boards; a service may log for others."""

    actor: Actor
    workspace: Workspace
    scope: Scope
    writable: BoardSet
    head: LogHead
    role: MembershipRole | None = None
    expires_at: datetime | None = None
    last_use_due: bool = False
    external_id: str | None = None  # of a user who came by JWT

    @property
    def is_service(self) -> bool:
        return self.actor.kind is ActorKind.SERVICE


async def load_principal(connection: AsyncConnection, presented: Presented, now: datetime) -> Principal | None:
    """The principal behind one credential."""
    return (await load_principals(connection, [presented], now)).get(presented)


async def load_principals(
    connection: AsyncConnection, presented: Iterable[Presented], now: datetime
) -> dict[Presented, Principal]:
    """The principals behind these credentials; those that do not count are not among them. One statement per kind of token, and one
    for all JWTs."""
    by_kind: dict[ActorKind, list[Credentials]] = {}
    identities: list[Identity] = []
    for one in presented:
        if isinstance(one, Identity):
            identities.append(one)
        else:
            by_kind.setdefault(one.token.kind, []).append(one)
    found: dict[Presented, Principal] = {}
    for kind, some in by_kind.items():
        if kind is ActorKind.USER:
            found |= await _load_users(connection, some, now)
        else:
            found |= await _load_programs(connection, kind, some, now)
    if identities:
        found |= await _load_identities(connection, identities, now)
    return found


async def list_workspaces(connection: AsyncConnection, principal: Principal) -> list[Workspace]:
    """Where a user has memberships that its credential serves, the oldest first."""
    membership, user = models.Membership, models.User
    by_jwt = principal.external_id is not None
    rows = await connection.execute(
        select(models.Workspace.id, models.Workspace.name)
        .join(membership, membership.workspace_id == models.Workspace.id)
        .join(user, (user.workspace_id == membership.workspace_id) & (user.id == membership.user_id))
        .where(user.external_id == principal.external_id if by_jwt else user.id == principal.actor.id)
        .where(~user.is_deleted)
        .order_by(membership.created_at, membership.workspace_id)
    )
    return [Workspace(*row) for row in rows]


async def touch_credentials(connection: AsyncConnection, public_ids: Sequence[str], now: datetime) -> None:
    """Note the last use; of several processes that come at once, one writes."""
    stale = or_(credential.last_used_at.is_(None), credential.last_used_at <= now - LAST_USE_EVERY)
    await connection.execute(
        update(credential)
        .where(credential.id == any_(literal(public_ids, ARRAY(Text))), stale)
        .values(last_used_at=now)
    )


# What every look-up reads of the credential and of the head of the log. One statement, hence one snapshot: a change of access that
# commits later has a later version, so whoever knows a newer one knows that this principal is out of date.
_OF_CREDENTIAL = (credential.secret_sha256, credential.expires_at, credential.last_used_at)
_OF_HEAD = (models.Head.last_sequence, models.Head.first_sequence, models.Head.access_version)


def _counts(kind: ActorKind, now: datetime) -> tuple[ColumnElement[bool], ...]:
    in_time = or_(credential.expires_at.is_(None), credential.expires_at > now)
    return credential.kind == kind.value, credential.revoked_at.is_(None), in_time


async def _load_programs(
    connection: AsyncConnection, kind: ActorKind, presented: Sequence[Credentials], now: datetime
) -> dict[Presented, Principal]:
    """Agents (their own board, or all where they have none) and services (everything)."""
    subject = models.Agent if kind is ActorKind.AGENT else models.Service
    extra = (models.Agent.role, models.Agent.board_id) if kind is ActorKind.AGENT else (null(), null())
    here = subject.workspace_id == credential.workspace_id
    query = (
        select(
            credential.id, *_OF_CREDENTIAL, *_OF_HEAD, subject.id, subject.name, *extra,
            models.Workspace.id, models.Workspace.name,
        )
        .join_from(credential, subject, here & (subject.id == credential.subject_id))
        .join(models.Workspace, models.Workspace.id == subject.workspace_id)
        .join(models.Head, models.Head.workspace_id == subject.workspace_id)
        .where(credential.id == any_(literal([one.token.public_id for one in presented], ARRAY(Text))))
        .where(*_counts(kind, now), ~subject.is_deleted)
    )  # fmt: skip
    rows = {row[0]: row for row in await connection.execute(query)}
    found: dict[Presented, Principal] = {}
    for one in presented:
        row = rows.get(one.token.public_id)
        if row is None or not one.token.matches(row.secret_sha256) or one.workspace_id not in {None, row[-2]}:
            continue
        subject_id, name, role, board_id, workspace_id, workspace_name = row[7:]
        everything = kind is ActorKind.SERVICE
        boards = BoardSet(ids=frozenset({board_id})) if board_id is not None else BoardSet(all=True)
        found[one] = Principal(
            actor=Actor(kind, subject_id, name, role),
            workspace=Workspace(workspace_id, workspace_name),
            scope=actor_scope(kind, subject_id, workspace_id, boards, everything=everything),
            writable=BoardSet(all=True) if everything else boards,
            head=LogHead(*row[4:7]),
            expires_at=row.expires_at,
            last_use_due=_is_due(row, now),
        )
    return found


async def _load_users(
    connection: AsyncConnection, presented: Sequence[Credentials], now: datetime
) -> dict[Presented, Principal]:
    """Users by their tokens, which name the user."""
    asked = _asked([(one.token.public_id, one.workspace_id) for one in presented])
    query = (
        _select_users(asked, models.Membership.user_id == credential.subject_id, credential.id == asked.c.key)
        .add_columns(*_OF_CREDENTIAL)
        .where(*_counts(ActorKind.USER, now))
    )
    found: dict[Presented, Principal] = {}
    for row in await connection.execute(query):
        one = presented[row[0] - 1]
        if one.token.matches(row.secret_sha256):
            found[one] = replace(_user(row), expires_at=row.expires_at, last_use_due=_is_due(row, now))
    return found


async def _load_identities(
    connection: AsyncConnection, presented: Sequence[Identity], now: datetime
) -> dict[Presented, Principal]:
    """Users by the `sub` of their JWTs, which was verified. Each workspace says for itself which of its users that is."""
    asked = _asked([(one.external_id, one.workspace_id) for one in presented])
    found: dict[Presented, Principal] = {}
    for row in await connection.execute(_select_users(asked, models.User.external_id == asked.c.key)):
        one = presented[row[0] - 1]
        if now < one.expires_at:
            found[one] = replace(_user(row), expires_at=one.expires_at, external_id=one.external_id)
    return found


def _asked(wanted: Sequence[tuple[str, UUID | None]]) -> TableValuedAlias:
    """What is looked up, as a table: the key of each, the workspace that it asked for, and its number from one on."""
    keys, homes = [key for key, _ in wanted], [home for _, home in wanted]
    return (
        func.unnest(literal(keys, ARRAY(Text)), literal(homes, ARRAY(Uuid)))
        .table_valued("key", "workspace_id", name="asked", with_ordinality="number")
        .render_derived()
    )


def _select_users(
    asked: TableValuedAlias, who: ColumnElement[bool], by_credential: ColumnElement[bool] | None = None
) -> AnySelect:
    """Users, each in the workspace that it asked for, or in that of its oldest membership. `who` picks a membership and its user;
    `by_credential` joins the credentials, where it needs them for that."""
    membership, user, grant = models.Membership, models.User, models.BoardGrant
    home = (
        select(
            membership.workspace_id, membership.user_id, membership.role, membership.all_boards_read,
            membership.all_boards_write, user.name, user.role.label("user_role"),
        )
        .join(user, (user.workspace_id == membership.workspace_id) & (user.id == membership.user_id))
        .where(who, ~user.is_deleted)
        .where(or_(asked.c.workspace_id.is_(None), membership.workspace_id == asked.c.workspace_id))
        .order_by(membership.created_at, membership.workspace_id)
        .limit(1)
        .lateral("home")
    )  # fmt: skip
    granted = (
        select(func.array_agg(grant.board_id), func.array_agg(grant.board_id).filter(grant.can_write))
        .where(grant.workspace_id == home.c.workspace_id, grant.user_id == home.c.user_id)
        .where(grant.can_read | grant.can_write)
        .lateral("granted")
    )
    presented = asked if by_credential is None else asked.join(credential, by_credential)
    return (
        select(
            asked.c.number, *_OF_HEAD, home.c.user_id, home.c.name, home.c.user_role, home.c.role,
            home.c.all_boards_read, home.c.all_boards_write, models.Workspace.id, models.Workspace.name, *granted.columns,
        )
        .select_from(
            presented.join(home, true())
            .join(models.Workspace, models.Workspace.id == home.c.workspace_id)
            .join(models.Head, models.Head.workspace_id == home.c.workspace_id)
            .join(granted, true())
        )
    )  # fmt: skip


def _user(row: AnyRow) -> Principal:
    """The principal of a row of `_select_users`, apart from its credential."""
    user_id, name, title, role_name, all_read, all_write, home_id, home_name, readable, writable = row[4:14]
    role = MembershipRole(role_name)
    everything = role is not MembershipRole.MEMBER
    boards = BoardSet(all=all_read or all_write, ids=frozenset(readable or ()))
    return Principal(
        actor=Actor(ActorKind.USER, user_id, name or None, title),
        workspace=Workspace(home_id, home_name),
        scope=actor_scope(ActorKind.USER, user_id, home_id, boards, everything=everything),
        writable=BoardSet(all=everything or all_write, ids=frozenset(writable or ())),
        head=LogHead(*row[1:4]),
        role=role,
    )


def _is_due(row: AnyRow, now: datetime) -> bool:
    return row.last_used_at is None or row.last_used_at <= now - LAST_USE_EVERY
