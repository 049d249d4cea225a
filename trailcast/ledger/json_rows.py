"""Rows that PostgreSQL writes as JSON, in the shape of the answer that they are for.

Most of what a list costs a server is to take values out of rows, to make objects of them, and to make text of those again. A `Shape`
says what an answer holds of each event, under which names, in which order; from it comes one expression that gives the finished text
of an event. Texts are put together with `||`, which costs PostgreSQL half of what `json_build_object` does. A value that is no text
needs no escaping; every other one is escaped by PostgreSQL's own `to_json`.

Written are the same values, in the same spelling, as are read into records (`trailcast.ledger.columns`) and completed by the
schema: a property test holds the two equal. What cannot be written raises NotWritable when the statement is made. What must be there
and is not makes the whole text NULL, and whoever reads it goes the other way, which knows how to say so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, any_, case, cast, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from models import Event
from models.base import AnySelect
from trailcast.access.scope import Bind, BoardSet, Scope, by_value
from trailcast.ledger.columns import CLIENT_ADDRESS, BoardRow, TaskBoardRow, TaskRow, joined
from trailcast.ledger.cursor import DIGEST_BYTES, LOG, VERSION
from trailcast.records import Count, PageInfo

MOMENT = 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
NULL = "null"


class NotWritable(Exception):
    """PostgreSQL cannot write this: it is made in Python."""


@dataclass(frozen=True, slots=True)
class Field:
    """What stands under a key: an attribute of the thing, or a text that is always the same. With a shape it is a thing itself, or a
    list of them. `required`: it is never null."""

    key: str
    name: str = ""
    required: bool = False
    shape: "Shape | None" = None
    constant: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What an answer holds of a thing, in its order. Told from others by what it is, not by what it holds: made once for an operation,
    it is looked up by for each of its requests."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """A page whose items are finished: a JSON list, in UTF-8. Where it stands is worked out if it is asked for."""

    items: bytes
    find_info: Callable[[], PageInfo]
    total: Count

    @property
    def page_info(self) -> PageInfo:
        return self.find_info()


# What a text is put together of: what is always the same, and what PostgreSQL finds.
Pieces: TypeAlias = "list[str | ColumnElement[Any]]"
Write: TypeAlias = Callable[[Any], Pieces]
Find: TypeAlias = Callable[[Field], Pieces]


def select_written(event: Any, scope: Scope, shape: Shape, bind: Bind) -> AnySelect:
    """SELECT the sequence and the text of events, FROM these and what the text needs. Raises NotWritable."""
    writer = _Writer(event, scope, bind)
    text = _join(writer.write(shape, writer.event))
    return joined(
        select(event.sequence, text.label("written")).select_from(event),
        event,
        board=BoardRow in writer.used,
        task=TaskRow in writer.used,
        task_board=TaskBoardRow in writer.used,
    )


def is_writable(shape: Shape) -> bool:
    """Whether PostgreSQL can write things of this shape, for whoever asks."""
    try:
        select_written(Event, Scope(UUID(int=0), everything=True, boards=BoardSet(all=True)), shape, by_value)
    except NotWritable:
        return False
    return True


def _quoted(value: Any) -> Pieces:
    """What holds no sign that JSON would escape."""
    return ['"', value, '"']


def _string(value: Any) -> Pieces:
    return [cast(func.to_json(value), Text)]


def _moment(value: Any) -> Pieces:
    return _quoted(func.to_char(value, literal_column(f"'{MOMENT}'")))


def _text(value: Any) -> Pieces:
    """What is JSON as it is: a number, a truth, a document."""
    return [cast(value, Text)]


def _cursor(event: Any) -> Pieces:
    """As `trailcast.ledger.cursor` makes it. Its bytes are a multiple of three, so there is no padding to take off."""
    head: ColumnElement[Any] = literal_column(f"'\\x{(VERSION + LOG).hex()}'::bytea")
    place = func.int8send(event.sequence)
    digest = func.sha256(head.op("||")(func.uuid_send(event.workspace_id)).op("||")(place))
    raw = head.op("||")(place).op("||")(func.substring(digest, literal_column("1"), literal_column(str(DIGEST_BYTES))))
    encoded = func.encode(raw, literal_column("'base64'"))
    return _quoted(func.translate(encoded, literal_column("'+/'"), literal_column("'-_'")))


_WRITE: dict[str, Write] = {
    **dict.fromkeys(
        ("workspace_id", "sequence", "id", "outcome", "actor_id", "agent_id", "user_id", "board_id", "task_id"), _quoted
    ),
    **dict.fromkeys(
        (
            "event_type", "category", "action", "message", "entity_type", "entity_id", "entity_name", "correlation_id",
            "ip_address", "user_agent",
        ),
        _string,
    ),
    "occurred_at": _moment,
    "created_at": _moment,
}  # fmt: skip
_DIRECTORY: dict[str, Write] = {
    "id": _quoted, "name": _string, "title": _string, "status": _string, "is_deleted": _text,
}  # fmt: skip


class _Writer:
    """Writes one statement; `used` are the tables beside `events` that it needs."""

    def __init__(self, event: Any, scope: Scope, bind: Bind) -> None:
        self._event = event
        self._scope = scope
        self._bind = bind
        self.used: set[Any] = set()

    def write(self, shape: Shape, find: Find) -> Pieces:
        """The text of a thing whose fields are found so."""
        pieces: Pieces = ["{"]
        for number, field in enumerate(shape.fields):
            pieces.append(f'{"," if number else ""}"{field.key}":')
            if field.constant is not None:
                pieces.append(f'"{field.constant}"')
            elif field.required:
                pieces += find(field)
            else:
                pieces.append(func.coalesce(_join(find(field)), literal_column(f"'{NULL}'")))
        return [*pieces, "}"]

    def event(self, field: Field) -> Pieces:
        """A field of an event, of a comment, or of what stands around either in a list."""
        name = field.name
        if field.shape is not None:
            return self._part(field, field.shape)
        if name in CLIENT_ADDRESS and not self._scope.sees_client_address:
            return [literal_column("NULL")]
        if name in _WRITE:
            return _WRITE[name](getattr(self._event, name))
        if name in {"agent_name", "agent_role"}:
            column = self._event.actor_name if name == "agent_name" else self._event.actor_role
            return _if(self._event.actor_kind == literal_column("'AGENT'"), _string(column))
        if name in {"task_title", "board_name"}:
            return _string(self._of(TaskRow).title if name == "task_title" else self._of(BoardRow).name)
        if name == "cursor":
            return _cursor(self._event)
        if name == "metadata":
            return _text(self._event.metadata_)
        raise NotWritable(name)

    def _part(self, field: Field, shape: Shape) -> Pieces:
        name = field.name
        if name == "node":
            return self.write(shape, self.event)
        if name in {"actor", "author", "on_behalf_of"}:
            return self._actor(shape, "on_behalf_of" if name == "on_behalf_of" else "actor")
        if name == "board":
            return self._entry(shape, self._of(BoardRow))
        if name == "task":
            return self._entry(shape, self._of(TaskRow), self._task_board)
        if name == "changes":
            return self._changes(shape)
        raise NotWritable(name)

    def _of(self, table: Any) -> Any:
        self.used.add(table)
        return table

    def _actor(self, shape: Shape, which: str) -> Pieces:
        def find(field: Field) -> Pieces:
            column = getattr(self._event, f"{which}_{field.name}", None)
            if column is None or field.shape is not None:
                raise NotWritable(field.name)
            return (_quoted if field.name in {"kind", "id"} else _string)(column)

        text = self.write(shape, find)
        return text if which == "actor" else _if(self._event.on_behalf_of_kind.is_not(None), text)

    def _entry(self, shape: Shape, table: Any, part: Callable[[Shape], Pieces] | None = None) -> Pieces:
        """An entry of the directory, if there is one."""

        def find(field: Field) -> Pieces:
            if field.shape is not None and field.name == "board" and part is not None:
                return part(field.shape)
            if field.name not in _DIRECTORY or field.shape is not None:
                raise NotWritable(field.name)
            return _DIRECTORY[field.name](getattr(table, field.name))

        return _if(table.id.is_not(None), self.write(shape, find))

    def _task_board(self, shape: Shape) -> Pieces:
        """The board that the task is on now, which may be another than the event's, and one that the caller may not know of."""
        board, boards = self._of(TaskBoardRow), self._scope.boards
        text = self._entry(shape, board)
        if boards.all:
            return text
        seen = board.id == self._event.board_id
        if boards.ids:
            seen = or_(seen, board.id == any_(self._bind("readable_boards", list(boards.ids), ARRAY(Uuid()))))
        return _if(seen, text)

    def _changes(self, shape: Shape) -> Pieces:
        listed = func.jsonb_array_elements(self._event.changes).table_valued(
            "value", name="change", with_ordinality="place"
        )
        change = listed.render_derived()
        value = cast(change.c.value, JSONB)

        def find(field: Field) -> Pieces:
            if field.name not in {"path", "before", "after"} or field.shape is not None:
                raise NotWritable(field.name)
            return _text(value.op("->")(literal_column(f"'{field.name}'")))

        text = _join(self.write(shape, find))
        texts = func.string_agg(text, literal_column("','")).aggregate_order_by(change.c.place)
        return ["[", func.coalesce(select(texts).select_from(change).scalar_subquery(), literal_column("''")), "]"]


def _if(condition: ColumnElement[bool], pieces: Pieces) -> Pieces:
    """NULL where the condition does not hold."""
    return [case((condition, _join(pieces)))]


def _join(pieces: Pieces) -> ColumnElement[Any]:
    """The pieces one behind the other, what is always the same in as few as possible."""
    texts: Pieces = []
    for piece in pieces:
        last = texts[-1] if texts else None
        if isinstance(piece, str) and isinstance(last, str):
            texts[-1] = last + piece
        else:
            texts.append(piece)
    # The keys are names of GraphQL: letters, digits and underscores.
    first, *rest = [literal_column(f"'{text}'") if isinstance(text, str) else text for text in texts]
    for text in rest:
        first = first.op("||")(text)
    return first
