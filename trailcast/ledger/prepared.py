"""Statements that are written once and run with other values: what lists, counts and single events are read with.

Building a statement out of its parts and compiling it takes ten times as long as asking PostgreSQL to run it. What it looks like
follows from the form of what is asked (which filters are given, what kind of scope, which columns), not from its values. So each
form's statement is kept, with where to find its values; the parts, the scoping predicate above all, are the same that any other
statement is built of. When a statement is made, each value that it was made with is compared with the one that would be found:
a parameter that means something else than its name says would be a defect, and is never kept.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from models.base import AnySelect
from trailcast.access.scope import BoardSet, Scope, reach
from trailcast.ledger.database import Database
from trailcast.ledger.filters import AFTER_PREFIX, LIST_FIELDS
from trailcast.ledger.lanes import Plan
from trailcast.records import EventFilter, PageRequest

FORMS_KEPT_MAX = 500  # statements, 2 to 10 KiB each with what reads their rows
_DIALECT = dialect()  # type: ignore[no-untyped-call]


class Asked(NamedTuple):
    """All that the values of a statement come from."""

    scope: Scope
    wanted: EventFilter
    request: PageRequest

    @property
    def reach(self) -> Scope:
        """The scope under which events are looked for. What is shown of them is the scope's own."""
        return reach(self.scope, self.wanted.board_id)


class AskedTotal(NamedTuple):
    """The same of a count up to a bound. `look_at`: how many events it may look at one by one, None for as many as it takes."""

    scope: Scope
    wanted: EventFilter
    up_to: int
    look_at: int | None

    @property
    def reach(self) -> Scope:
        """The scope under which events are looked for."""
        return reach(self.scope, self.wanted.board_id)


class AskedById(NamedTuple):
    """The same of a single event."""

    scope: Scope
    event_id: UUID


# What is asked of it is there: a parameter stands only in the statement of a form in which its value is given.
Find: TypeAlias = Callable[[Any], Any]


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


def _list_of(name: str) -> dict[str, Find]:
    """A filter's field that has one value, or several."""
    return {
        name: lambda asked: _plain(getattr(asked.wanted, name)[0]),
        f"{name}s": lambda asked: [_plain(value) for value in getattr(asked.wanted, name)],
    }


# The value of each parameter by the name that it has where it is made (`access.scope`, `ledger.filters`, `ledger.reader`).
FIND: dict[str, Find] = {
    "workspace_id": lambda asked: asked.scope.workspace_id,
    "own_agent_id": lambda asked: asked.scope.agent_id,
    "own_user_id": lambda asked: asked.scope.user_id,
    "readable_boards": lambda asked: list(asked.scope.boards.ids),
    "boards_as_text": lambda asked: asked.scope.boards.as_text,
    "prefix_category": lambda asked: asked.wanted.event_type_prefix[:-1],
    "prefix": lambda asked: asked.wanted.event_type_prefix,
    "prefix_end": lambda asked: asked.wanted.event_type_prefix + AFTER_PREFIX,
    "entity_type": lambda asked: asked.wanted.entity.type,
    "entity_id": lambda asked: asked.wanted.entity.id,
    "correlation_id": lambda asked: asked.wanted.correlation_id,
    "since": lambda asked: asked.wanted.since,
    "until": lambda asked: asked.wanted.until,
    "after": lambda asked: asked.request.after,
    "before": lambda asked: asked.request.before,
    "offset": lambda asked: asked.request.offset,
    "event_id": lambda asked: asked.event_id,
}
for _name in LIST_FIELDS:
    FIND |= _list_of(_name)


def by_name(name: str, value: Any, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """A parameter whose value is found anew each time the statement is run."""
    if name not in FIND:
        raise LookupError(name)
    return bindparam(name, value, type_=kind)


def by_name_once(name: str, value: Any, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """The same for a statement that is planned once. The boards of a scope are a set there, which rows are looked up in: behind one
    plan for all values PostgreSQL would compare each row with each board."""
    return select(boards_of(value)).scalar_subquery() if name == "readable_boards" else by_name(name, value, kind)


def boards_of(ids: Collection[UUID]) -> FunctionElement[UUID]:
    """These boards, which are those of the scope that is asked for, as rows. Of forty, the driver would take longer to write each than
    PostgreSQL takes to read them all."""
    text = by_name("boards_as_text", BoardSet(ids=frozenset(ids)).as_text, Text())
    return func.unnest(cast(cast(text, Text()), ARRAY(Uuid())))


class Prepared(NamedTuple):
    """A statement's text, and where its values come from, in the order of its parameters. `reader` is what reads its rows."""

    text: str
    finds: tuple[Find, ...]
    reader: Any = None
    plan: Plan = Plan.AS_IT_LIKES

    def values(self, asked: Any) -> list[Any]:
        """As the driver takes them."""
        return [find(asked) for find in self.finds]

    async def fetch(self, database: Database, asked: Any) -> list[asyncpg.Record]:
        """Its rows. Raises Unavailable."""
        return await database.fetch(asked.scope.workspace_id, self.text, self.values(asked), self.plan)


class Forms:
    """The statements of one kind by form; those that were asked for longest ago are forgotten."""

    def __init__(
        self, make: Callable[..., tuple[AnySelect, Any]], plan: Callable[[Any], Plan] = lambda _asked: Plan.BY_VALUE
    ) -> None:
        self._make = make
        self._plan = plan
        self._kept: OrderedDict[Hashable, Prepared] = OrderedDict()

    def find(self, form: Hashable, asked: Asked | AskedTotal | AskedById, *arguments: Any) -> Prepared:
        """The statement of this form; `make(asked, *arguments)` makes it, and what reads its rows."""
        found = self._kept.get(form)
        if found is None:
            found = self._kept[form] = _prepare(*self._make(asked, *arguments), asked, self._plan(asked))
            if len(self._kept) > FORMS_KEPT_MAX:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(form)
        return found

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()


def _prepare(query: AnySelect, reader: Any, asked: Asked | AskedTotal | AskedById, plan: Plan) -> Prepared:
    compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    names = compiled.positiontup or []
    for name in names:
        if compiled.binds[name].value != FIND[name](asked):
            raise ValueError(f"the parameter {name} of a statement that is kept has another meaning than its name")
    return Prepared(str(compiled), tuple(FIND[name] for name in names), reader, plan)
