"""From the fields that a document selects to the columns that are read, and from a row back to a record.

A `Selection` is a set of dotted paths in the records' own names (`message`, `actor.name`, `task.board.name`). Only the columns
behind it are read, and a table is joined only where one of its columns is wanted. Fields that are made of others
(`cursor`, `route`) name what they are made of here.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

import models
from models import Event
from models.base import AnyRow, AnySelect
from trailcast.access.scope import Scope
from trailcast.ledger.cursor import encode_sequence
from trailcast.ledger.routing import route_of
from trailcast.records import Actor, ActorKind, Board, CommentRecord, EventRecord, FieldChange, Outcome, Task

Selection: TypeAlias = frozenset[str]
Column: TypeAlias = InstrumentedAttribute[Any] | ColumnElement[Any]
Fill: TypeAlias = Callable[[EventRecord, AnyRow, Scope], None]

PLAIN = frozenset(
    [
        "id",
        "event_type",
        "category",
        "action",
        "message",
        "agent_id",
        "user_id",
        "board_id",
        "task_id",
        "entity_type",
        "entity_id",
        "entity_name",
        "correlation_id",
        "occurred_at",
        "created_at",
    ]
)
ACTOR_COLUMNS = ("kind", "id", "name", "role")
CLIENT_ADDRESS = frozenset({"ip_address", "user_agent"})
EVERYTHING: Selection = PLAIN | CLIENT_ADDRESS | {
    "outcome", "actor", "on_behalf_of", "board", "task", "task.board", "changes", "metadata", "route",
}  # fmt: skip
# A comment's own names for what an event has.
COMMENT_FIELDS = {
    "author": "actor", "agent_name": "actor", "agent_role": "actor", "task_title": "task", "board_name": "board",
}  # fmt: skip

BoardRow = aliased(models.Board, name="board")
TaskBoardRow = aliased(models.Board, name="task_board")
TaskRow = aliased(models.Task, name="task")


def joined(query: AnySelect, event: Any, *, board: bool, task: bool, task_board: bool) -> AnySelect:
    """The same FROM events, with what the directory knows of the board, of the task, and of the board that the task is on now."""
    if board:
        query = query.outerjoin(BoardRow, _same(event, BoardRow, event.board_id))
    if task or task_board:
        query = query.outerjoin(TaskRow, _same(event, TaskRow, event.task_id))
    if task_board:
        query = query.outerjoin(TaskBoardRow, _same(event, TaskBoardRow, TaskRow.board_id))
    return query


class EventRows:
    """The SELECT list for a selection and the reader of its rows, for scopes that see as much of an event as this one. `event` is what
    is selected from: the table, or some of its rows."""

    def __init__(
        self, scope: Scope, selection: Selection, record: type[EventRecord] = EventRecord, event: Any = Event
    ) -> None:
        self._record = record
        self._event = event
        self._columns: list[Column] = [event.sequence]
        self._fills: list[Fill] = []
        wanted = {COMMENT_FIELDS.get(path.partition(".")[0], path.partition(".")[0]) for path in selection}
        if "route" in wanted:
            wanted |= {"id", "event_type", "board_id", "task_id", "created_at"}
        if not scope.sees_client_address:
            wanted -= CLIENT_ADDRESS
        self._joins_board = "board" in wanted
        self._joins_task = "task" in wanted
        self._joins_task_board = self._joins_task and "task.board" in {".".join(p.split(".")[:2]) for p in selection}
        for name in sorted((PLAIN | CLIENT_ADDRESS) & wanted):
            self._plain(name)
        self._composite(wanted)
        if "route" in wanted:
            self._fills.append(lambda event, _row, _scope: setattr(event, "route", route_of(event)))

    def select(self) -> AnySelect:
        """SELECT the columns FROM events and what they need."""
        return joined(
            select(*self._columns).select_from(self._event),
            self._event,
            board=self._joins_board,
            task=self._joins_task,
            task_board=self._joins_task_board,
        )

    def read(self, scope: Scope, row: AnyRow) -> EventRecord:
        """The record of one row, as this scope may see it."""
        sequence, workspace_id = row[0], scope.workspace_id
        event = self._record(workspace_id, sequence, encode_sequence(workspace_id, sequence))
        for fill in self._fills:
            fill(event, row, scope)
        return event

    def _at(self, *columns: Column) -> int:
        """Add columns; the place of the first."""
        self._columns += columns
        return len(self._columns) - len(columns)

    def _plain(self, name: str) -> None:
        at = self._at(getattr(self._event, name))
        self._fills.append(lambda event, row, _scope: setattr(event, name, row[at]))

    def _composite(self, wanted: set[str]) -> None:
        if "outcome" in wanted:
            outcome_at = self._at(self._event.outcome)
            self._fills.append(lambda event, row, _scope: setattr(event, "outcome", Outcome(row[outcome_at])))
        if "metadata" in wanted:
            metadata_at = self._at(self._event.metadata_)
            self._fills.append(lambda event, row, _scope: setattr(event, "metadata", _json(row[metadata_at])))
        if "changes" in wanted:
            changes_at = self._at(self._event.changes)
            self._fills.append(lambda event, row, _scope: setattr(event, "changes", _changes(_json(row[changes_at]))))
        if wanted & {"actor", "actor_id"}:
            self._actor("actor", [getattr(self._event, f"actor_{name}") for name in ACTOR_COLUMNS])
        if "on_behalf_of" in wanted:
            self._actor("on_behalf_of", [getattr(self._event, f"on_behalf_of_{name}") for name in ACTOR_COLUMNS])
        if self._joins_board:
            board_at = self._at(*_board_columns(BoardRow))
            self._fills.append(lambda event, row, _scope: setattr(event, "board", _board(row, board_at)))
        if self._joins_task:
            self._task()

    def _actor(self, name: str, columns: Sequence[Column]) -> None:
        at = self._at(*columns)

        def fill(event: EventRecord, row: AnyRow, _scope: Scope) -> None:
            if row[at] is not None:
                setattr(event, name, Actor(ActorKind(row[at]), row[at + 1], row[at + 2], row[at + 3]))

        self._fills.append(fill)

    def _task(self) -> None:
        at = self._at(TaskRow.id, TaskRow.title, TaskRow.status, TaskRow.is_deleted, self._event.board_id)
        board_at = self._at(*_board_columns(TaskBoardRow)) if self._joins_task_board else None

        def fill(event: EventRecord, row: AnyRow, scope: Scope) -> None:
            if row[at] is None:
                return
            board = None if board_at is None else _board(row, board_at)
            if board is not None and _is_hidden(scope, board, row[at + 4]):
                board = None
            event.task = Task(row[at], row[at + 1], row[at + 2], row[at + 3], board)

        self._fills.append(fill)


def comment_rows(scope: Scope, selection: Selection, event: Any = Event) -> EventRows:
    """`EventRows` that reads comments."""
    return EventRows(scope, selection, CommentRecord, event)


class Variant(NamedTuple):
    """What is hidden of an event that a scope may see. Scopes for which this is equal are shown the same of that event."""

    client_address: bool
    task_board: bool


def variant_for(scope: Scope, event: EventRecord) -> Variant:
    """What this scope may not see of an event that was read for everybody."""
    task = event.task
    return Variant(
        client_address=not scope.sees_client_address and (event.ip_address is not None or event.user_agent is not None),
        task_board=task is not None and task.board is not None and _is_hidden(scope, task.board, event.board_id),
    )


def shown_as(variant: Variant, event: EventRecord) -> EventRecord:
    """The event without the parts that are hidden. The event itself stays as it is."""
    hidden: dict[str, Any] = dict.fromkeys(CLIENT_ADDRESS) if variant.client_address else {}
    if variant.task_board and event.task is not None:
        hidden["task"] = replace(event.task, board=None)
    return replace(event, **hidden) if hidden else event


def _is_hidden(scope: Scope, task_board: Board, event_board_id: UUID | None) -> bool:
    # The task may have moved to a board that the caller may not know of.
    return task_board.id != event_board_id and task_board.id not in scope.boards


def _same(event: Any, entry: Any, entry_id: Column) -> ColumnElement[bool]:
    return and_(entry.workspace_id == event.workspace_id, entry.id == entry_id)


def _board_columns(board: Any) -> tuple[Column, ...]:
    return board.id, board.name, board.is_deleted


def _board(row: AnyRow, at: int) -> Board | None:
    return None if row[at] is None else Board(row[at], row[at + 1], row[at + 2])


def _json(stored: Any) -> Any:
    """What a statement of the driver's own gives as text. No event holds a text there."""
    return orjson.loads(stored) if type(stored) is str else stored


def _changes(stored: Sequence[dict[str, Any]]) -> list[FieldChange]:
    return [FieldChange(change["path"], change.get("before"), change.get("after")) for change in stored]
