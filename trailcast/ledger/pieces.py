"""A statement that is put together of several queries, which share their parameters; otherwise as `trailcast.ledger.prepared`.

Grouping sets over a union of sources is more SQL than SQLAlchemy helps with. What reads events or counts of them is made of the parts
that any other statement is made of, the scoping predicate above all, and only what is around it is written by hand.
"""

import re
from typing import Any

from sqlalchemy import ColumnElement, bindparam
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.types import TypeEngine

from models.base import AnySelect
from trailcast.ledger.prepared import FIND, Find, Prepared

_DIALECT = dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]
_PARAMETER = re.compile(r"%%|%\((\w+)\)s")  # a sign of percent stands twice where parameters have names


class Pieces:
    """The parameters of one statement, numbered as they turn up."""

    def __init__(self, asked: Any) -> None:
        self._asked = asked
        self._finds: dict[str, Find] = dict(FIND)
        self._names: list[str] = []

    def find(self, name: str, find: Find) -> str:
        """From here on there is a parameter of this name."""
        self._finds[name] = find
        return name

    def bind(self, name: str, value: Any, kind: TypeEngine[Any]) -> ColumnElement[Any]:
        """A parameter of a query."""
        if name not in self._finds:
            raise LookupError(name)
        return bindparam(name, value, type_=kind)

    def number(self, name: str) -> str:
        """The parameter as it stands in the statement."""
        if name not in self._names:
            self._names.append(name)
        return f"${self._names.index(name) + 1}"

    def write(self, query: AnySelect) -> str:
        """The query as a piece of the statement."""
        compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})

        def as_number(found: re.Match[str]) -> str:
            name = found[1]
            if name is None:
                return "%"
            if compiled.binds[name].value != self._finds[name](self._asked):
                raise ValueError(f"the parameter {name} of a statement that is kept has another meaning than its name")
            return self.number(name)

        return _PARAMETER.sub(as_number, str(compiled))

    def statement(self, text: str) -> Prepared:
        """All of it."""
        return Prepared(text, tuple(self._finds[name] for name in self._names), None)
