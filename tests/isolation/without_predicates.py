"""A test build of the server whose first wall is down: no predicate in Python, and none on a workspace in any statement that it sends.

What is left is what PostgreSQL itself keeps apart. Looking up who calls is left as it is: it crosses workspaces, because it finds out
in which of them somebody speaks.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, false, true

from trailcast.access.scope import RollupKind
from trailcast.ledger import counting, directory, filters, pages, totals
from trailcast.ledger.database import Database
from trailcast.live import hub, subscription

# `events.workspace_id = $1::UUID`, and `= ANY (…)`: every comparison with a value. Those of two columns join what belongs together.
COMPARED = re.compile(r"\b\w+\.workspace_id (?:= (?:any )?\(?\$\d+(?:::UUID(?:\[\])?)?\)?|IN \([^)]*\))", re.IGNORECASE)


def without_workspaces(statement: str) -> str:
    """The statement with each of these comparisons made true; the parameters stay where they are."""
    return COMPARED.sub(lambda found: f"({found[0]} OR true)", statement)


@contextmanager
def predicates_down(database: Database) -> Iterator[list[str]]:
    """While the block runs, the server decides nothing about who may see what. Gives the statements that lost a comparison."""
    stripped: list[str] = []

    def strip(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> tuple[str, Any]:
        rewritten = without_workspaces(statement)
        if rewritten != statement:
            stripped.append(statement)
        return rewritten, parameters

    engines = [database.reader.sync_engine, database.writer.sync_engine]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filters, "visible_to", lambda _scope, _bind: true())
        patch.setattr(filters, "counted_for", lambda _scope, _bind: true())
        patch.setattr(totals, "visible_to", lambda _scope, _bind: true())
        patch.setattr(totals, "visible_on", lambda _scope, _board, _bind: true())
        patch.setattr(totals, "not_counted_for", lambda _scope, _bind: false())
        patch.setattr(counting, "counted_kinds", lambda _scope: frozenset(RollupKind))
        patch.setattr(hub, "admits", lambda _scope, _event: True)
        patch.setattr(subscription, "admits", lambda _scope, _event: True)
        for name in ("board_readable_by", "_agent_visible", "_user_visible"):
            patch.setattr(directory, name, lambda _scope: true())
        for engine in engines:
            event.listen(engine, "before_cursor_execute", strip, retval=True)
        _forget_statements()
        try:
            yield stripped
        finally:
            _forget_statements()
            for engine in engines:
                event.remove(engine, "before_cursor_execute", strip)


def _forget_statements() -> None:
    """Those that were made with the predicate, or without it."""
    for forms in (pages.PAGES, pages.WRITTEN_PAGES, pages.EVENTS, totals.COUNTS):
        forms.clear()
    counting.forget_statements()
