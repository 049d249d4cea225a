"""What a principal may see: THE predicate, for SQL, for rows in hand, and for counts of rows. Nothing else decides it.

`visible_to` goes into the WHERE of every read of events; `admits` is the same rule for an event that the live hub has read once for
everybody, and `counted_for` for counts that were made beforehand. They stand beside each other and property tests hold them equal. A
scope is a value: what it allows is fixed when the principal is loaded, and whoever keeps one for longer than an operation (a feed)
loads it anew when the workspace's access version moves. Equal scopes see equal rows, so a scope can be part of a key under which
answers are shared.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, and_, any_, bindparam, false, not_, or_
from sqlalchemy.types import TypeEngine

from models import Board, Event, Rollup
from trailcast.records import ActorKind, EventRecord


class RollupKind(Enum):
    """Whose events a count made beforehand is of. Each event is in one of BOARDS and NO_BOARD, and in one of AGENT and ACTOR."""

    BOARD = "BOARD"  # one board
    BOARDS = "BOARDS"  # all boards together
    NO_BOARD = "NO_BOARD"  # what is on no board
    AGENT = "AGENT"  # one agent
    ACTOR = "ACTOR"  # one actor that is no agent


@dataclass(frozen=True)
class BoardSet:
    """Some boards of one workspace, or all that it has and will have."""

    all: bool = False
    ids: frozenset[UUID] = frozenset()

    @cached_property
    def as_text(self) -> str:
        """The ids as PostgreSQL writes an array, in their order: equal sets have the same. Made once and not for each statement."""
        return f"{{{','.join(sorted(map(str, self.ids)))}}}"

    def __contains__(self, board_id: object) -> bool:
        return self.all or board_id in self.ids


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of one workspace's log that a principal sees."""

    workspace_id: UUID
    everything: bool = False
    agent_id: UUID | None = None
    user_id: UUID | None = None
    boards: BoardSet = BoardSet()

    @property
    def sees_client_address(self) -> bool:
        """IP addresses and user agents are for owners, admins and services, who are those that see everything."""
        return self.everything


# Makes the parameter of a statement that has this value. A statement that is made once for many values (`trailcast.ledger.prepared`)
# knows its parameters by these names.
Bind: TypeAlias = Callable[[str, Any, TypeEngine[Any]], ColumnElement[Any]]


def by_value(_name: str, value: Any, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """A parameter of a statement that is run with this value only."""
    return bindparam(None, value, type_=kind)


def visible_to(scope: Scope, bind: Bind = by_value) -> ColumnElement[bool]:
    """The condition under which a row of `events` may be returned to, counted for or hinted at to this scope."""
    return and_(
        Event.workspace_id == bind("workspace_id", scope.workspace_id, Uuid()),
        _within_workspace(scope, bind),
    )


def _within_workspace(scope: Scope, bind: Bind) -> ColumnElement[bool]:
    if scope.everything:
        return and_(True)
    if scope.agent_id is not None:
        return Event.agent_id == bind("own_agent_id", scope.agent_id, Uuid())
    if scope.user_id is None:
        return false()
    own = Event.user_id == bind("own_user_id", scope.user_id, Uuid())
    if scope.boards.all:
        return or_(Event.board_id.is_not(None), own)
    if not scope.boards.ids:
        return own
    return or_(Event.board_id == any_(bind("readable_boards", list(scope.boards.ids), ARRAY(Uuid()))), own)


def form_of_scope(scope: Scope) -> tuple[bool, bool, bool, bool, bool]:
    """What of a scope decides how its conditions are written, whatever their values. Equal for scopes that differ in values only."""
    boards = scope.boards
    return scope.everything, scope.agent_id is None, scope.user_id is None, boards.all, not boards.ids


def reads_boards(scope: Scope) -> bool:
    """Whether what this scope sees are boards, some by name or all, and what is its own."""
    boards = scope.boards
    return (
        not scope.everything
        and scope.agent_id is None
        and scope.user_id is not None
        and (boards.all or bool(boards.ids))
    )


def is_of_some_boards(scope: Scope) -> bool:
    """Whether these boards are some by name: the one kind of scope that no index has in order."""
    return reads_boards(scope) and not scope.boards.all


def visible_on(scope: Scope, board_id: ColumnElement[Any], bind: Bind = by_value) -> ColumnElement[bool]:
    """Of what `visible_to` lets pass to a scope that reads boards, the events of one board, or of any of several, which must be among
    these. With `not_counted_for` beside all of them it is all of it, each event once, and every part is read from one index."""
    return and_(
        Event.workspace_id == bind("workspace_id", scope.workspace_id, Uuid()),
        Event.board_id == board_id,
    )


def own_id(scope: Scope, bind: Bind = by_value) -> ColumnElement[UUID] | None:
    """The caller's id, for a scope that sees its own events and no others: of each that `visible_to` lets pass it is the actor's."""
    if scope.everything or reads_boards(scope):
        return None
    if scope.agent_id is not None:
        return bind("own_agent_id", scope.agent_id, Uuid())
    return None if scope.user_id is None else bind("own_user_id", scope.user_id, Uuid())


def reach(scope: Scope, board_ids: Collection[UUID] | None) -> Scope:
    """What of a scope is left where only events of these boards are asked for: of boards that it does not read, what is its own. Lets
    the same of their events pass as the scope does, and tells PostgreSQL not to look for them among all events of those boards."""
    if board_ids is None or not is_of_some_boards(scope) or not scope.boards.ids.isdisjoint(board_ids):
        return scope
    return replace(scope, boards=BoardSet())


def admits(scope: Scope, event: EventRecord) -> bool:
    """`visible_to`, for an event that was read with its workspace, agent, user and board."""
    if event.workspace_id != scope.workspace_id:
        return False
    if scope.everything:
        return True
    if scope.agent_id is not None:
        return event.agent_id == scope.agent_id
    if scope.user_id is None:
        return False
    return event.user_id == scope.user_id or (event.board_id is not None and event.board_id in scope.boards)


def counted_for(scope: Scope, bind: Bind = by_value) -> ColumnElement[bool]:
    """The condition under which a row of `rollups` may be counted for this scope: all events that the row counts are visible to it."""
    kinds = counted_kinds(scope)
    if not kinds:
        return false()
    # By name in the statement itself, as no value of a caller is.
    names = bindparam(None, sorted(kind.value for kind in kinds), Text(), expanding=True, literal_execute=True)
    found = [Rollup.workspace_id == bind("workspace_id", scope.workspace_id, Uuid()), Rollup.kind.in_(names)]
    if scope.agent_id is not None and not scope.everything:
        found.append(Rollup.key == bind("own_agent_id", scope.agent_id, Uuid()))
    elif not (scope.everything or scope.boards.all):
        found.append(Rollup.key == any_(bind("readable_boards", list(scope.boards.ids), ARRAY(Uuid()))))
    return and_(*found)


def counted_kinds(scope: Scope) -> frozenset[RollupKind]:
    """The kinds of which `counted_for` lets rows pass."""
    if scope.everything:
        return frozenset(RollupKind)
    if scope.agent_id is not None:
        return frozenset({RollupKind.AGENT})
    if scope.user_id is not None and scope.boards.all:
        return frozenset({RollupKind.BOARD, RollupKind.BOARDS})
    return frozenset({RollupKind.BOARD} if scope.user_id is not None and scope.boards.ids else ())


def not_counted_for(scope: Scope, bind: Bind = by_value) -> ColumnElement[bool]:
    """Of the events that `visible_to` lets pass, those that are in none of these rows: what a member did beyond its boards."""
    if scope.everything or scope.agent_id is not None or scope.user_id is None:
        return false()
    own = Event.user_id == bind("own_user_id", scope.user_id, Uuid())
    if scope.boards.all:
        return and_(own, Event.board_id.is_(None))
    if not scope.boards.ids:
        return own
    here = Event.board_id == any_(bind("readable_boards", list(scope.boards.ids), ARRAY(Uuid())))
    return and_(own, or_(Event.board_id.is_(None), not_(here)))


def places_of(scope: Scope) -> tuple[UUID | None, ...]:
    """Every event that `admits` lets pass to this scope comes from one of these: a board, an agent, a user; None is anywhere.

    Only for finding those whom an event may concern; it lets more pass than `admits`, which decides.
    """
    if scope.everything:
        return (None,)
    if scope.agent_id is not None:
        return (scope.agent_id,)
    if scope.user_id is None:
        return ()
    return (None,) if scope.boards.all else (scope.user_id, *scope.boards.ids)


def board_readable_by(scope: Scope) -> ColumnElement[bool]:
    """The condition under which a row of `boards` may be shown to this scope."""
    inside = Board.workspace_id == scope.workspace_id
    if scope.everything or scope.boards.all:
        return inside
    return and_(inside, Board.id.in_(sorted(scope.boards.ids)))


def actor_scope(kind: ActorKind, actor_id: UUID, workspace_id: UUID, boards: BoardSet, *, everything: bool) -> Scope:
    """The scope of a principal of this kind. `boards` are those whose events (for an agent: whose names) it may read."""
    if everything:
        return Scope(workspace_id, everything=True, boards=BoardSet(all=True))
    if kind is ActorKind.AGENT:
        return Scope(workspace_id, agent_id=actor_id, boards=boards)
    return Scope(workspace_id, user_id=actor_id, boards=boards)
