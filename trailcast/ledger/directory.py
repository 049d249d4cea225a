"""Reads the directory: what events are about, by name for those who choose filters. By id for writers: `trailcast.ledger.lookup`.

A list shows only what its caller may see: the boards it reads, the tasks and agents on those; an agent sees itself and no
users. Absent and hidden
answer alike. Writes are in `trailcast.ledger.sync`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Text,
    Uuid,
    and_,
    cast,
    false,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

import models
from models.base import AnyRow, AnySelect
from trailcast.access.scope import Scope, board_readable_by
from trailcast.ledger.cursor import DIRECTORY, encode_name
from trailcast.records import ActorKind, Agent, Board, Edge, Page, PageInfo, Task, User

Entry = TypeVar("Entry", Board, Task, Agent, User)
_ACTORS: dict[ActorKind, Any] = {
    ActorKind.AGENT: models.Agent,
    ActorKind.USER: models.User,
    ActorKind.SERVICE: models.Service,
}


@dataclass(frozen=True, slots=True)
class NameRequest:
    """A page of a list by name: `limit` entries that follow `after`, whose name holds `text`."""

    limit: int
    after: tuple[str, UUID] | None = None
    text: str | None = None
    board_id: UUID | None = None


async def list_boards(connection: AsyncConnection, scope: Scope, request: NameRequest) -> Page[Board]:
    """The boards that this scope may read."""
    board = models.Board
    query = select(board.name, board.id, board.is_deleted).where(board_readable_by(scope))
    rows, more = await _read_names(connection, query, board, board.name, request)
    return _page(
        scope, "boards", request, [(row.name, Board(row.id, row.name, row.is_deleted)) for row in rows], more=more
    )


async def list_tasks(connection: AsyncConnection, scope: Scope, request: NameRequest) -> Page[Task]:
    """The tasks on those boards; where everything is seen, also those on none."""
    task, board = models.Task, models.Board
    query = (
        select(task.title, task.id, task.status, task.is_deleted, board.id, board.name, board.is_deleted)
        .outerjoin(board, _same(board, task))
        .where(task.workspace_id == scope.workspace_id, _on_readable_board(scope, task.board_id))
    )
    rows, more = await _read_names(connection, query, task, task.title, request)
    found = [(row[0], Task(row[1], row[0], row[2], row[3], _board(row[4:7]))) for row in rows]
    return _page(scope, "tasks", request, found, more=more)


async def list_agents(connection: AsyncConnection, scope: Scope, request: NameRequest) -> Page[Agent]:
    """The agents on those boards and on no one board; an agent sees itself."""
    agent, board = models.Agent, models.Board
    query = (
        select(agent.name, agent.id, agent.role, agent.is_deleted, board.id, board.name, board.is_deleted)
        .outerjoin(board, _same(board, agent))
        .where(agent.workspace_id == scope.workspace_id, _agent_visible(scope))
    )
    rows, more = await _read_names(connection, query, agent, agent.name, request)
    found = [(row[0], Agent(row[1], row[0], row[2], row[3], _board(row[4:7]))) for row in rows]
    return _page(scope, "agents", request, found, more=more)


async def list_users(connection: AsyncConnection, scope: Scope, request: NameRequest) -> Page[User]:
    """The people of the workspace, for people and services; an agent sees none."""
    user = models.User
    query = select(user.name, user.id, user.role, user.is_deleted).where(_user_visible(scope))
    rows, more = await _read_names(connection, query, user, user.name, request)
    found = [(row[0], User(row[1], row[0] or None, row[2], row[3])) for row in rows]
    return _page(scope, "users", request, found, more=more)


async def find_entry(connection: AsyncConnection, scope: Scope, entry_id: UUID) -> Board | Task | Agent | User | None:
    """The board, task, agent or user with this id, if this scope may see it. One statement."""
    board, task, agent, user = models.Board, models.Task, models.Agent, models.User
    on_task = models.Board.__table__.alias("task_board")
    here = scope.workspace_id
    parts = union_all(
        _part("BOARD", board, board.name).where(board_readable_by(scope), board.id == entry_id),
        _part("TASK", task, task.title, task.status, task.board_id).where(
            task.workspace_id == here, task.id == entry_id, _on_readable_board(scope, task.board_id)
        ),
        _part("AGENT", agent, agent.name, agent.role, agent.board_id).where(
            agent.workspace_id == here, agent.id == entry_id, _agent_visible(scope)
        ),
        _part("USER", user, user.name, user.role).where(_user_visible(scope), user.id == entry_id),
    ).subquery()
    query = select(parts, on_task.c.id, on_task.c.name, on_task.c.is_deleted).outerjoin(
        on_task, and_(on_task.c.workspace_id == here, on_task.c.id == parts.c.board_id)
    )
    row = (await connection.execute(query.limit(1))).one_or_none()
    if row is None:
        return None
    kind, found_id, name, extra, _, is_deleted, *place = row
    if kind == "BOARD":
        return Board(found_id, name, is_deleted)
    if kind == "USER":
        return User(found_id, name or None, extra, is_deleted)
    return (Task if kind == "TASK" else Agent)(found_id, name, extra, is_deleted, _board(place))


def _part(kind: str, model: Any, name: Any, extra: Any | None = None, board_id: Any | None = None) -> AnySelect:
    """One table's share of a UNION: every part has the same six columns of the same types."""
    return select(
        literal(kind).label("kind"),
        model.id.label("id"),
        name.label("name"),
        (cast(null(), Text) if extra is None else extra).label("extra"),
        (cast(null(), Uuid) if board_id is None else board_id).label("board_id"),
        model.is_deleted.label("is_deleted"),
    )


def _same(board: Any, entry: Any) -> ColumnElement[bool]:
    return and_(board.workspace_id == entry.workspace_id, board.id == entry.board_id)


def _on_readable_board(scope: Scope, board_id: InstrumentedAttribute[UUID | None]) -> ColumnElement[bool]:
    if scope.everything:
        return true()
    if scope.boards.all:
        return board_id.is_not(None)
    return board_id.in_(sorted(scope.boards.ids))


def _agent_visible(scope: Scope) -> ColumnElement[bool]:
    if scope.agent_id is not None:
        return models.Agent.id == scope.agent_id
    # An agent without a board works on any, so on those that the caller reads, too.
    return or_(models.Agent.board_id.is_(None), _on_readable_board(scope, models.Agent.board_id))


def _user_visible(scope: Scope) -> ColumnElement[bool]:
    return false() if scope.agent_id is not None else models.User.workspace_id == scope.workspace_id


async def _read_names(
    connection: AsyncConnection, query: AnySelect, model: Any, name: Any, request: NameRequest
) -> tuple[Sequence[AnyRow], bool]:
    """The rows of one page in order of name, and whether more follow."""
    if request.after is not None:
        query = query.where(tuple_(name, model.id) > tuple_(*map(literal, request.after)))
    if request.text is not None:
        query = query.where(name.icontains(request.text, autoescape=True))
    if request.board_id is not None:
        query = query.where(model.board_id == request.board_id)
    rows = (await connection.execute(query.order_by(name, model.id).limit(request.limit + 1))).all()
    return rows[: request.limit], len(rows) > request.limit


def _page(scope: Scope, kind: str, request: NameRequest, found: list[tuple[str, Entry]], *, more: bool) -> Page[Entry]:
    edges = [Edge(encode_name(DIRECTORY[kind], scope.workspace_id, name, entry.id), entry) for name, entry in found]
    info = PageInfo(
        has_next_page=more,
        has_previous_page=request.after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Page(edges, info)


def _board(columns: Sequence[Any]) -> Board | None:
    return None if columns[0] is None else Board(*columns)
