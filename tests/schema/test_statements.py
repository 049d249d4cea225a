"""What a document costs: one statement for a list, however long; only the columns behind what is selected; joins only where used."""

import re
from collections.abc import Iterator

import pytest

from tests.schema.conftest import Reading
from tests.support.clients import Client, Statements
from tests.support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def ran(read: Reading) -> Iterator[Statements]:
    """The statements of the shared server while the test runs."""
    with Statements(read.shared.server.database) as statements:
        yield statements


ACTOR = ["actor_id", "actor_kind", "actor_name", "actor_role"]
ROUTE = ["board_id", "created_at", "event_type", "id", "task_id"]
# What is selected of an event, the columns that are read beside its sequence, and the tables that are joined.
SELECTIONS: list[tuple[str, list[str], list[str]]] = [
    ("__typename", [], []),
    ("sequence cursor workspaceId", ["workspace_id"], []),
    ("id", ["id"], []),
    ("again: id id", ["id"], []),
    ("message eventType", ["event_type", "message"], []),
    ("category action outcome", ["action", "category", "outcome"], []),
    ("agentId userId boardId taskId", ["agent_id", "board_id", "task_id", "user_id"], []),
    ("entityType entityId entityName correlationId", ["correlation_id", "entity_id", "entity_name", "entity_type"], []),
    ("metadata", ["metadata"], []),
    ("changes { path }", ["changes"], []),
    ("occurredAt createdAt", ["created_at", "occurred_at"], []),
    ("ipAddress userAgent", ["ip_address", "user_agent"], []),
    ("actorId", ["actor_id"], []),
    ("actor { name }", ["actor_name"], []),
    ("actor { kind id name role }", ACTOR, []),
    ("onBehalfOf { name }", ["on_behalf_of_kind", "on_behalf_of_name"], []),
    ("board { name }", ["board.id", "board.name"], ["boards AS board"]),
    ("task { title }", ["task.id", "task.title"], ["tasks AS task"]),
    ("task { board { name } }", ["task.id", "task_board.id", "task_board.name"], ["tasks AS task", "boards AS task_board"]),
    (
        "board { id } task { board { id } }", ["board.id", "task.id", "task_board.id"],
        ["boards AS board", "tasks AS task", "boards AS task_board"],
    ),
    ("route { name }", ROUTE, []),
    ("... on ActivityEvent { message }", ["message"], []),
    ("... on Node { id }", ["id"], []),
    ("...Named", ["message"], []),
    ("id @skip(if: true) message @include(if: true) metadata @include(if: false)", ["message"], []),
    ("id @skip(if: $yes) message @include(if: $yes) metadata @skip(if: $no)", ["message", "metadata"], []),
    ("... @include(if: false) { metadata board { name } } message", ["message"], []),
]  # fmt: skip


def read_columns(statement: str) -> list[str]:
    """The columns of events that are read, without the table's own name, and those of the directory, in the order of the alphabet."""
    listed = re.search(r"SELECT ((?:events\.\w+(?: AS \w+)?(?:, )?)+) \nFROM events", statement)
    assert listed is not None, statement
    of_events = re.findall(r"\bevents\.(\w+)", listed[1])
    shown = statement.partition("LEFT OUTER JOIN")[0]
    of_directory = {
        f"{table}.{column}" for table, column in re.findall(r"(?<!')\b(board|task|task_board)\.(\w+)", shown)
    }
    return sorted({*of_events, *of_directory})


def with_keys(columns: list[str], joined: list[str]) -> list[str]:
    """Those columns, the event's place, and what joins these tables."""
    keys = {"boards AS board": "board_id", "tasks AS task": "task_id"}
    joining = [keys[table] for table in joined if table in keys] + ["workspace_id"] * bool(joined)
    return sorted({"sequence", *columns, *joining})


@pytest.mark.parametrize(
    ("selected", "columns", "joined"), SELECTIONS, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_list_is_one_statement_that_reads_what_is_selected(
    read: Reading, ran: Statements, selected: str, columns: list[str], joined: list[str]
) -> None:
    fragment = "fragment Named on ActivityEvent { message }" if "...Named" in selected else ""
    variables = "($yes: Boolean! = true, $no: Boolean! = false)" if "$yes" in selected else ""
    for node in (f"nodes {{ {selected} }}", f"edges {{ node {{ {selected} }} }}"):
        ran.texts.clear()
        await read.data(f"query{variables} {{ activityEvents {{ {node} }} }} {fragment}")
        [statement] = ran.of("events")
        assert read_columns(statement) == with_keys(columns, joined)
        assert re.findall(r"LEFT OUTER JOIN (\w+ AS \w+) ON", statement) == joined


async def test_client_address_is_not_even_read_for_who_may_not_see_it(read: Reading, ran: Statements) -> None:
    document = "{ activityEvents { nodes { ipAddress userAgent } } }"
    await read.data(document, caller="member")
    [statement] = ran.of("events")
    assert read_columns(statement) == ["sequence"]


COMMENTS: list[tuple[str, list[str], list[str]]] = [
    ("id message", ["id", "message"], []),
    ("author { name }", ["actor_name"], []),
    ("agentName agentRole", ["actor_kind", "actor_name", "actor_role"], []),
    ("agentId userId", ["agent_id", "user_id"], []),
    ("taskId boardId", ["board_id", "task_id"], []),
    ("taskTitle", ["task.title"], ["tasks AS task"]),
    ("boardName", ["board.name"], ["boards AS board"]),
    (
        "taskTitle boardName board { id } task { status }",
        ["board.id", "board.name", "task.id", "task.status", "task.title"],
        ["boards AS board", "tasks AS task"],
    ),
    ("route { params }", ROUTE, []),
]


@pytest.mark.parametrize(
    ("selected", "columns", "joined"), COMMENTS, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_comments_are_one_statement_that_reads_what_is_selected(
    read: Reading, ran: Statements, selected: str, columns: list[str], joined: list[str]
) -> None:
    await read.data(f"{{ taskComments {{ nodes {{ {selected} }} }} }}")
    [statement] = ran.of("events")
    assert read_columns(statement) == with_keys(columns, joined)
    assert re.findall(r"LEFT OUTER JOIN (\w+ AS \w+) ON", statement) == joined


EVERYTHING = """id sequence cursor workspaceId eventType category action outcome message actor { id name } actorId agentId userId
  onBehalfOf { id } boardId board { id name } taskId task { id title board { name } } entityType entityId entityName
  changes { path } metadata ipAddress userAgent correlationId occurredAt createdAt route { name params }"""
TRAIL = """{ auditTrail(entityType: "task", entityId: "TASK") { entityName firstEvent { id } lastEvent { id }
  contributors { count } events { nodes { id } totalCount { count } } } }"""
METRICS = """{ activityMetrics(since: "2026-01-01T00:00:00Z") { total failed series { total failed errorRatePct }
  a: breakdown(by: ACTOR) { label } b: breakdown(by: BOARD) { label } } }"""
# A document, and how many statements it may run on the log and on the directory, beside those that find out who asks.
COSTS: list[tuple[str, int, int]] = [
    ("{ activityEvents { pageInfo { hasNextPage endCursor } } }", 1, 0),
    ("{ activityEvents { totalCount { count } } }", 1, 0),
    ("{ activityEvents { __typename } }", 0, 0),
    # A page that is the whole list tells how many there are.
    (f"{{ activityEvents {{ nodes {{ {EVERYTHING} }} edges {{ node {{ {EVERYTHING} }} }} totalCount {{ count }} }} }}", 1, 0),
    (f"{{ activityEvents(first: 1) {{ nodes {{ {EVERYTHING} }} totalCount {{ count }} }} }}", 2, 0),
    ("{ activityEvents(last: 200) { nodes { id } totalCount { count } } }", 1, 0),
    ("{ activityEvents(first: 0) { pageInfo { hasNextPage } totalCount { count } } }", 2, 0),
    ("{ activityEvents(first: 0) { nodes { id } pageInfo { hasNextPage } } }", 1, 0),
    ("{ a: activityEvents(first: 1) { nodes { id } } b: activityEvents(first: 2) { nodes { id } } }", 2, 0),
    (f'{{ activityEvent(id: "EVENT") {{ {EVERYTHING} }} }}', 1, 0),
    ('{ node(id: "EVENT") { id } }', 1, 0),
    ('{ node(id: "TASK") { id } }', 1, 1),
    ("{ taskComments { nodes { message agentName taskTitle boardName task { board { name } } } totalCount { count } } }", 1, 0),
    ('{ auditTrail(entityType: "task", entityId: "TASK") { entityType entityId } }', 0, 0),
    (TRAIL, 5, 0),
    ('{ activityMetrics(since: "2026-01-01T00:00:00Z") { __typename } }', 0, 0),
    ('{ activityMetrics(since: "2026-01-01T00:00:00Z") { total failed errorRatePct } }', 1, 0),
    (METRICS, 1, 0),
    ("{ viewer { actor { name } workspace { name } role } }", 0, 0),
    ("{ viewer { boards { board { name } canWrite } } }", 0, 1),
    ("{ eventTypes { name } }", 0, 0),
    ("{ boards { nodes { name } } }", 0, 1),
    ("{ tasks { nodes { title board { name } } } agents { nodes { name board { name } } } users { nodes { name } } }", 0, 3),
]  # fmt: skip


@pytest.mark.parametrize(("document", "of_the_log", "of_the_directory"), COSTS, ids=lambda value: str(value)[:50])
async def test_document_costs_so_many_statements(
    read: Reading, ran: Statements, document: str, of_the_log: int, of_the_directory: int
) -> None:
    filled = document.replace("EVENT", read.world.events["bot_alpha"]).replace("TASK", read.world.id("alpha_task"))
    await read.data(filled)
    asked_who = [text for text in ran.texts if "credentials" in text or "FROM memberships" in text]
    on_log = ran.of("events")
    on_directory = [text for text in ran.texts if text not in asked_who and text not in on_log]
    assert (len(on_log), len(on_directory)) == (of_the_log, of_the_directory), ran.texts
    # Who asks is found out once, in one statement, however many fields ask.
    assert len([text for text in asked_who if text.startswith("SELECT")]) == 1


@pytest.mark.asyncio(loop_scope="function")
async def test_writing_reads_back_in_one_statement_and_only_what_it_does_not_know(
    gql: Client, world: World, statements: Statements
) -> None:
    document = "mutation($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) { %s errors { message } } }"
    inputs = [{"eventType": "custom.noted", "taskId": world.id("alpha_task")}] * 50
    cases: list[tuple[str, list[str] | None]] = [
        ("events { id message metadata }", ["id", "message", "metadata", "sequence"]),
        ("events { id message createdAt actor { name } route { name } }", None),
        ("", None),
    ]
    for selected, columns in cases:
        statements.texts.clear()
        await gql.data(document % selected, {"inputs": inputs}, token=world.token("owner"))
        read_back = [text for text in statements.of("events") if text.startswith("SELECT")]
        assert [read_columns(text) for text in read_back] == ([] if columns is None else [columns])
        # One insert, one look-up of all that the batch names.
        assert len([text for text in statements.texts if "INSERT INTO events" in text]) == 1
        assert len([text for text in statements.texts if "FROM tasks" in text]) == 1
