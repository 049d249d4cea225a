"""The scoping law holds: every read of events passes `visible_to`, and the few that do not are named with their reason.

Who adds a function that reads events calls `conditions` or `visible_to` in it. An entry in the lists below is for what is
never handed to a caller, and is argued in review; one that is no longer needed fails the test too.
"""

import ast

import pytest

from tests.layout.scoping_law import asks_scope, reads_grants, unscoped_reads
from tests.layout.tree import modules

ENGINE = ("schema", "resolvers", "trailcast")

UNSCOPED_READS = {
    "trailcast/ledger/arrays.py:<module>": "idempotency keys, under the lock of the head: the writer's own retries",
    "trailcast/ledger/arrays.py:_insert": "writes them",
    "trailcast/ledger/filters.py:first_since": "turns a time into a sequence: a bound, not an event",
    "trailcast/ledger/counting.py:_top": "names the newest event of groups that were counted under the predicate",
    "trailcast/ledger/rollups.py:<module>": "counts for a table whose rows `counted_for` lets pass or not",
    "trailcast/ledger/pages.py:_newest_of_boards": "sequences, in a statement that asks for what may be seen as well",
    "trailcast/ledger/pages.py:_make_page": "selects from the rows of `_page`, which asks",
    "trailcast/ledger/pages.py:_stretch": "the end of the log: a bound, not an event",
    "trailcast/ledger/totals.py:_counted": "selects of the events of `_within`, which asks",
    "trailcast/ledger/reader.py:_batch": "for the live hub, which hands nothing on that `admits` has not let pass",
    "trailcast/ledger/reader.py:sequences_with_text": "for the live hub: numbers out of a batch that it holds already",
}
GRANT_READERS = {
    "trailcast/access/principal.py": "turns grants into the scope of a principal",
    "trailcast/ledger/sync.py": "writes them as the platform tells",
}
SCOPE_READERS = {
    "trailcast/access/scope.py": "the predicate",
    "trailcast/ledger/columns.py": "a visible task may have moved to a board whose name is not the caller's to know",
    "trailcast/ledger/json_rows.py": "the same, where PostgreSQL writes it",
    "trailcast/ledger/pages.py": "which boards' newest entries are looked at, beside the predicate",
    "trailcast/ledger/totals.py": "in which parts what may be seen is counted, beside the predicate",
    "trailcast/ledger/prepared.py": "the values of the parameters that the predicate has named",
    "trailcast/ledger/directory.py": "boards, tasks, agents and users are no events: their lists have rules of their own",
    "resolvers/log.py": "who writes may name only boards and tasks that it sees",
}


def test_every_read_of_events_passes_the_predicate() -> None:
    found = {f"{name}:{function}" for name, tree in modules(*ENGINE).items() for function in unscoped_reads(tree)}
    assert found == set(UNSCOPED_READS), "call `conditions` or `visible_to` in it, or argue for it in UNSCOPED_READS"


def test_conditions_open_with_the_predicate() -> None:
    """`conditions` counts as a gate because what it returns begins with `visible_to(scope)`, and all else narrows it."""
    tree = modules("trailcast")["trailcast/ledger/filters.py"]
    gate = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "conditions")
    assert [ast.unparse(statement) for statement in gate.body[1:]] == [
        (
            "return [visible_to(scope, bind), *narrowed(scope.workspace_id, wanted, bind), *names_own(scope, wanted, bind), "
            "*(as_actor(scope, wanted, bind) if is_of_boards_or_types(wanted) else ())]"
        )
    ]


def test_grants_are_read_where_scopes_are_made_only() -> None:
    found = {name for name, tree in modules(*ENGINE).items() if reads_grants(tree)}
    assert found == set(GRANT_READERS), "ask the scope of the principal instead, or argue for it in GRANT_READERS"


def test_scopes_are_taken_apart_by_the_predicate_only() -> None:
    found = {name for name, tree in modules(*ENGINE).items() if asks_scope(tree)}
    assert found == set(SCOPE_READERS), "use `visible_to` or `admits`, or argue for it in SCOPE_READERS"


@pytest.mark.parametrize(
    "source",
    [
        "from models import Event\ndef read(): return select(Event.id)",
        "from models.event import Event as Row\ndef read(): return sa.select(Row.id)",
        "import models\nasync def read(): return await connection.execute(select(models.Event))",
        "import models.event\ndef read(): return select(models.event.Event.id)",
        "from models import event\ndef read(): return exists().where(event.Event.id == 1)",
        "from models import Event\nnewer = aliased(Event)\ndef read(): return select(newer.id)",
        "from models import Event\ndef read():\n    def inner(): return select(Event.id)\n    return inner",
        "def read(rows): return rows.select().where(True)",
        "def read(name): return text(f'SELECT {name} FROM events WHERE sequence > 1')",
        "def read(): return text('select 1 from boards join events on true')",
    ],
)
def test_law_finds_a_read_without_the_predicate(source: str) -> None:
    assert unscoped_reads(ast.parse(source)) == {"read"}


def test_law_finds_reads_in_methods_and_at_the_top_level() -> None:
    source = "from models import Event\nLAST = select(Event)\nclass Reader:\n    def read(self): return select(Event)"
    assert unscoped_reads(ast.parse(source)) == {"<module>", "Reader.read"}


@pytest.mark.parametrize(
    "source",
    [
        "from models import Event\ndef read(): return select(Event.id).where(visible_to(scope))",
        "from models import Event\ndef read(): return select(Event.id).where(*filters.conditions(scope, wanted))",
        "from models import Event\ndef write(): return insert(Event)",
        "from models import Board, Event\ndef read(): return select(Board.id)",
        "from threading import Event\ndef read(): return select(Event)",
        "import asyncio\ndef read(): return select(asyncio.Event)",
        "def read():\n    '''What SELECT finds FROM events.'''\n    return 1",
    ],
)
def test_law_lets_other_code_pass(source: str) -> None:
    assert unscoped_reads(ast.parse(source)) == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from models import BoardGrant", False),  # unused: the linter's affair
        ("from models import BoardGrant as grant\nquery = select(grant.board_id)", True),
        ("import models\ngrant = models.BoardGrant", True),
        ("query = 'DELETE FROM board_grants'", True),
        ("class BoardGrantInput: board_grants: list[str]", False),
    ],
)
def test_law_finds_grants(source: str, *, found: bool) -> None:
    assert reads_grants(ast.parse(source)) is found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def read(scope): return Event.agent_id == scope.agent_id", True),
        ("def read(self): return event.board_id in self._scope.boards", True),
        ("def read(principal): return principal.scope.everything", True),
        ("def read(scope): return Event.workspace_id == scope.workspace_id", False),
        ("def read(event): return event.agent_id", False),
    ],
)
def test_law_finds_who_takes_a_scope_apart(source: str, *, found: bool) -> None:
    assert asks_scope(ast.parse(source)) is found
