"""From credentials to principals: who speaks, in which workspace, with what rights. Reads the directory, decides nothing else.

A principal is loaded for one operation (or, by a feed, again whenever the workspace's access version moves) and holds the
rights as they were at that moment, with the head of the log and the access version of the same snapshot. Unknown, expired and
revoked credentials, deleted subjects and missing memberships all count as nobody: a caller learns only that, and the same is done
for each of them. Whose a token is that is known and does not count is said beside, for the log of its workspace. Many are looked up in
one statement per kind, each through keys and indexes, whatever the number of agents.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    TableValuedAlias,
    Text,
    Uuid,
    any_,
    bindparam,
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
from trailcast.access.tokens import NO_SECRET, SCOPES, Token, TokenScope
from trailcast.errors import Forbidden
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


class Fault(Enum):
    """Why a token that is known does not count."""

    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a reason, no secret
    REVOKED = "revoked"
    EXPIRED = "expired"
    SUBJECT_DELETED = "subject_deleted"


@dataclass(frozen=True, slots=True)
class Failure:
    """A token that is known and does not count: whose it is, and why. No caller hears of it. A user's names no workspace."""

    fault: Fault
    kind: ActorKind
    subject_id: UUID
    subject_name: str | None = None
    workspace_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class LogHead:
    """Where a workspace's log ends and begins, and which version of its access rights is in force."""

    last_sequence: int
    first_sequence: int
    access_version: int


@dataclass(frozen=True, slots=True)
class Principal:
    """Who one request or socket speaks for. `scope` is what it sees, `writable` are boards, `token_scopes` is what its credential
    may be used for; a service may log for others."""

    actor: Actor
    workspace: Workspace
    scope: Scope
    writable: BoardSet
    head: LogHead
    role: MembershipRole | None = None
    expires_at: datetime | None = None
    last_use_due: bool = False
    external_id: str | None = None  # of a user who came by JWT
    token_scopes: frozenset[TokenScope] = frozenset()

    @property
    def is_service(self) -> bool:
        return self.actor.kind is ActorKind.SERVICE

    def require(self, needed: TokenScope) -> None:
        """Raises Forbidden where the credential may not be used for this."""
        if needed not in self.token_scopes:
            raise Forbidden(f"This token lacks the scope {needed.value}: use one that has it.")


Found: TypeAlias = dict[Presented, Principal | Failure]


async def load_principal(connection: AsyncConnection, presented: Presented, now: datetime) -> Principal | None:
    """The principal behind one credential."""
    found = (await load_principals(connection, [presented], now)).get(presented)
    return found if isinstance(found, Principal) else None


async def load_principals(connection: AsyncConnection, presented: Iterable[Presented], now: datetime) -> Found:
    """The principals behind these credentials; whoever is not among them is nobody, or nobody here. One statement per kind of token,
    and one for all JWTs, whatever is found."""
    by_kind: dict[ActorKind, list[Credentials]] = {}
    identities: list[Identity] = []
    for one in presented:
        if isinstance(one, Identity):
            identities.append(one)
        else:
            by_kind.setdefault(one.token.kind, []).append(one)
    found: Found = {}
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


async def find_home(connection: AsyncConnection, user_id: UUID) -> tuple[UUID, str] | None:
    """The workspace of the user's oldest membership, and what the user is called there."""
    membership, user = models.Membership, models.User
    row = (
        await connection.execute(
            select(membership.workspace_id, user.name)
            .join(user, (user.workspace_id == membership.workspace_id) & (user.id == membership.user_id))
            .where(membership.user_id == user_id)
            .order_by(membership.created_at, membership.workspace_id)
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


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
_OF_CREDENTIAL = (
    credential.secret_sha256, credential.expires_at, credential.last_used_at, credential.revoked_at, credential.scopes,
)  # fmt: skip
_OF_HEAD = (models.Head.last_sequence, models.Head.first_sequence, models.Head.access_version)
# Statements are made once, for any values: making one takes longer than PostgreSQL takes to answer it.
_KEYS, _HOMES = bindparam("keys", type_=ARRAY(Text)), bindparam("homes", type_=ARRAY(Uuid))


def _find_fault(token: Token, row: AnyRow | None, now: datetime) -> Fault | None:
    """What is wrong with the token by its own row. Of one that nobody knows: that its secret is wrong, found out the same way."""
    if not token.matches(NO_SECRET if row is None else row.secret_sha256) or row is None:
        return Fault.WRONG_SECRET
    if row.revoked_at is not None:
        return Fault.REVOKED
    return Fault.EXPIRED if row.expires_at is not None and row.expires_at <= now else None


async def _load_programs(
    connection: AsyncConnection, kind: ActorKind, presented: Sequence[Credentials], now: datetime
) -> Found:
    """Agents (their own board, or all where they have none) and services (everything)."""
    wanted = {"keys": [one.token.public_id for one in presented]}
    rows = {row[0]: row for row in await connection.execute(_select_programs(kind), wanted)}
    found: Found = {}
    for one in presented:
        row = rows.get(one.token.public_id)
        fault = _find_fault(one.token, row, now)
        if row is None:
            continue
        subject_id, name, role, board_id, workspace_id, workspace_name = row[10:]
        fault = fault or (Fault.SUBJECT_DELETED if row.is_deleted else None)
        if fault is not None:
            found[one] = Failure(fault, kind, subject_id, name, workspace_id)
        elif one.workspace_id in {None, workspace_id}:
            everything = kind is ActorKind.SERVICE
            boards = BoardSet(ids=frozenset({board_id})) if board_id is not None else BoardSet(all=True)
            principal = Principal(
                actor=Actor(kind, subject_id, name, role),
                workspace=Workspace(workspace_id, workspace_name),
                scope=actor_scope(kind, subject_id, workspace_id, boards, everything=everything),
                writable=BoardSet(all=True) if everything else boards,
                head=LogHead(*row[6:9]),
            )
            found[one] = _by_token(principal, row, now)
    return found


@cache
def _select_programs(kind: ActorKind) -> AnySelect:
    subject = models.Agent if kind is ActorKind.AGENT else models.Service
    extra = (models.Agent.role, models.Agent.board_id) if kind is ActorKind.AGENT else (null(), null())
    here = subject.workspace_id == credential.workspace_id
    return (
        select(
            credential.id, *_OF_CREDENTIAL, *_OF_HEAD, subject.is_deleted, subject.id, subject.name, *extra,
            models.Workspace.id, models.Workspace.name,
        )
        .join_from(credential, subject, here & (subject.id == credential.subject_id))
        .join(models.Workspace, models.Workspace.id == subject.workspace_id)
        .join(models.Head, models.Head.workspace_id == subject.workspace_id)
        .where(credential.id == any_(_KEYS))
        .where(credential.kind == kind.value)
    )  # fmt: skip


async def _load_users(connection: AsyncConnection, presented: Sequence[Credentials], now: datetime) -> Found:
    """Users by their tokens, which name the user."""
    wanted = _asking([(one.token.public_id, one.workspace_id) for one in presented])
    rows = {row[0]: row for row in await connection.execute(_select_users_by_token(), wanted)}
    found: Found = {}
    for number, one in enumerate(presented, start=1):
        row = rows.get(number)
        fault = _find_fault(one.token, row, now)
        if row is None:
            continue
        if fault is not None:
            found[one] = Failure(fault, ActorKind.USER, row.subject_id)
        elif row.user_id is not None:
            found[one] = _by_token(_user(row), row, now)
    return found


@cache
def _select_users_by_token() -> AnySelect:
    asked = _asked()
    return (
        _select_users(asked, models.Membership.user_id == credential.subject_id, credential.id == asked.c.key)
        .add_columns(*_OF_CREDENTIAL, credential.subject_id)
        .where(credential.kind == ActorKind.USER.value)
    )


def _by_token(principal: Principal, row: AnyRow, now: datetime) -> Principal:
    """The principal, with what its token says."""
    is_due = row.last_used_at is None or row.last_used_at <= now - LAST_USE_EVERY
    scopes = frozenset(map(TokenScope, row.scopes))
    return replace(principal, expires_at=row.expires_at, last_use_due=is_due, token_scopes=scopes)


async def _load_identities(connection: AsyncConnection, presented: Sequence[Identity], now: datetime) -> Found:
    """Users by the `sub` of their JWTs, which was verified. Each workspace says for itself which of its users that is."""
    wanted = _asking([(one.external_id, one.workspace_id) for one in presented])
    found: Found = {}
    for row in await connection.execute(_select_users_by_identity(), wanted):
        one = presented[row[0] - 1]
        if now < one.expires_at:
            found[one] = replace(
                _user(row),
                expires_at=one.expires_at,
                external_id=one.external_id,
                token_scopes=SCOPES[ActorKind.USER],
            )
    return found


@cache
def _select_users_by_identity() -> AnySelect:
    asked = _asked()
    return _select_users(asked, models.User.external_id == asked.c.key)


def _asking(wanted: Sequence[tuple[str, UUID | None]]) -> dict[str, object]:
    """The values of `_asked`: the key of each, and the workspace that it asked for."""
    return {"keys": [key for key, _ in wanted], "homes": [home for _, home in wanted]}


def _asked() -> TableValuedAlias:
    """What is looked up, as a table, with the number of each from one on."""
    return (
        func.unnest(_KEYS, _HOMES)
        .table_valued("key", "workspace_id", name="asked", with_ordinality="number")
        .render_derived()
    )


def _select_users(
    asked: TableValuedAlias, who: ColumnElement[bool], by_credential: ColumnElement[bool] | None = None
) -> AnySelect:
    """Users, each in the workspace that it asked for, or in that of its oldest membership. `who` picks a membership and its user;
    `by_credential` joins the credentials, where it needs them for that, and has a row for each, of those too that are nobody here."""
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
    outer = by_credential is not None
    return (
        select(
            asked.c.number, *_OF_HEAD, home.c.user_id, home.c.name, home.c.user_role, home.c.role,
            home.c.all_boards_read, home.c.all_boards_write, models.Workspace.id, models.Workspace.name, *granted.columns,
        )
        .select_from(
            presented.join(home, true(), isouter=outer)
            .join(models.Workspace, models.Workspace.id == home.c.workspace_id, isouter=outer)
            .join(models.Head, models.Head.workspace_id == home.c.workspace_id, isouter=outer)
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
