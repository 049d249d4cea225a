"""Each documented filter is read from an index of its own, in page order: told from PostgreSQL's plans over a log of 12,000 events.

The statements are those that the server ran, caught on their way. Each is planned twice: for its values, and for any values,
which is what PostgreSQL may settle on for a prepared statement that is used often. No way to read is switched off.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import event

from bench.plans.reading import quoted
from tests.conftest import EMPTY_TEMPLATE
from tests.schema.scratch import Scratch, found_workspace
from tests.schema.servers import shared_server
from tests.support.world import World
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.admin import create_token
from trailcast.ledger.database import READING
from trailcast.ledger.roles import READER, READER_SCHEMA, WORKSPACES
from trailcast.records import ActorKind

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENTS = 12_000
# 12 types, 20 boards, 10 tasks, 10 agents, 20 users; one event in eleven without a board; failures, denials and words that are rare.
FILL = """
INSERT INTO events (workspace_id, sequence, id, created_at, occurred_at, event_type, category, action, outcome, message, actor_kind,
  actor_id, agent_id, user_id, board_id, task_id, entity_type, entity_id, correlation_id, changes, metadata)
SELECT $1, i, gen_random_uuid(), moment, moment, t, split_part(t, '.', 1), a,
  CASE WHEN i % 97 = 0 THEN 'FAILURE' WHEN i % 201 = 0 THEN 'DENIED' ELSE 'SUCCESS' END,
  'report ' || md5(i::text) || CASE WHEN i % 3000 = 7 THEN ' zyzzyva' ELSE '' END, k, lpad(actor::text, 32, '0')::uuid,
  CASE k WHEN 'AGENT' THEN lpad(actor::text, 32, '0')::uuid END, CASE k WHEN 'USER' THEN lpad(actor::text, 32, '0')::uuid END,
  CASE WHEN i % 11 > 0 THEN lpad((1001 + i % 20)::text, 32, '0')::uuid END,
  CASE WHEN i % 11 > 0 THEN lpad((2001 + i % 10)::text, 32, '0')::uuid END, 'task', lpad((2001 + i % 10)::text, 32, '0')::uuid::text,
  CASE WHEN i % 2 = 0 THEN 'run-' || i % 100 END, '[]', '{}'
FROM generate_series(1, $2::int) AS i,
  LATERAL (SELECT '2026-01-01T00:00Z'::timestamptz + i * interval '1 minute' AS moment,
    CASE WHEN i % 11 = 0 THEN 'auth.login' ELSE (ARRAY['task.comment', 'task.updated', 'task.status_changed', 'auth.logout',
      'board.updated', 'agent.heartbeat', 'task.comment', 'approval.requested', 'project.updated', 'task.assigned', 'task.created',
      'workspace.updated'])[i % 12 + 1] END AS t,
    (ARRAY['commented', 'updated', 'logged_in', 'requested', 'assigned', 'created'])[i % 6 + 1] AS a,
    CASE WHEN i % 101 = 0 THEN 'SERVICE' WHEN i % 3 = 0 THEN 'AGENT' ELSE 'USER' END AS k) AS made,
  LATERAL (SELECT CASE k WHEN 'AGENT' THEN 3001 + i % 10 WHEN 'USER' THEN 4001 + i % 20 ELSE 5001 END AS actor) AS who
"""


def uuid(number: int) -> str:
    return str(UUID(str(number).zfill(32)))


BOARD, TASK, AGENT, USER = uuid(1007), uuid(2007), uuid(3004), uuid(4005)


@dataclass(frozen=True)
class Plan:
    """What PostgreSQL does for one statement: its steps (those on other tables left out), and the indexes of the log that it reads."""

    steps: set[str]
    indexes: set[str]


def of_page(node: dict[str, Any]) -> list[dict[str, Any]]:
    """What is read until a page has enough: what is above that deals with a few rows. All of it, where it is no page."""
    return _limits(node) if "WindowAgg" in _plan_of(node).steps else [node]


def _limits(node: dict[str, Any]) -> list[dict[str, Any]]:
    return (
        [node] if node["Node Type"] == "Limit" else [one for child in node.get("Plans", ()) for one in _limits(child)]
    )


def plan_of(*nodes: dict[str, Any]) -> Plan:
    """What these do."""
    plans = [_plan_of(node) for node in nodes]
    return Plan(set().union(*(plan.steps for plan in plans)), set().union(*(plan.indexes for plan in plans)))


def _plan_of(node: dict[str, Any]) -> Plan:
    inner = [_plan_of(child) for child in node.get("Plans", ())]
    index = node.get("Index Name", "events_")
    here = (
        {node["Node Type"]}
        if node.get("Relation Name", "events") == "events" and index.startswith("events_")
        else set[str]()
    )
    indexes = {index} - {"events_"} if here else set[str]()
    return Plan(here.union(*(plan.steps for plan in inner)), indexes.union(*(plan.indexes for plan in inner)))


@dataclass(frozen=True)
class Planner:
    """Runs documents and tells how the statements that they led to were planned."""

    scratch: Scratch
    tokens: dict[str, str]

    async def plans(
        self, document: str, variables: dict[str, Any] | None = None, caller: str = "service"
    ) -> list[Plan]:
        """Two for each statement on the log: for its values, and for any. As the role that reads, under row-level security."""
        caught: list[tuple[str, tuple[Any, ...]]] = []

        def note(_connection: Any, _cursor: Any, statement: str, parameters: tuple[Any, ...], *_rest: Any) -> None:
            if "FROM events" in statement:
                caught.append((statement, parameters))

        engine = self.scratch.shared.server.database.reader.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            await self.scratch.shared.gql.data(document, variables, token=self.tokens[caller])
        finally:
            event.remove(engine, "before_cursor_execute", note)
        assert caught
        return [plan for one in caught for plan in await self._planned(*one, is_count="totalCount" in document)]

    async def _planned(self, statement: str, parameters: tuple[Any, ...], *, is_count: bool) -> list[Plan]:
        sql = self.scratch.shared.sql
        await sql.execute(
            f"SET ROLE {READER}; SET search_path = {READER_SCHEMA}, public; SET {WORKSPACES} = '{self.scratch.workspace}'"
        )
        # A count has no order that an index alone could give: of this, too, it depends that the server reads by indexes.
        await sql.execute(f"SET enable_seqscan = {READING['enable_seqscan'] if is_count else 'on'}")
        plans = [await sql.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *parameters)]
        await sql.execute(f"PREPARE used AS {statement}")
        try:
            values = f"({', '.join(map(quoted, parameters))})" if parameters else ""
            plans.append(await sql.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE used{values}"))
        finally:
            await sql.execute(
                f"DEALLOCATE used; RESET ROLE; RESET search_path; RESET {WORKSPACES}; RESET enable_seqscan"
            )
        return [plan_of(*of_page(json.loads(text)[0]["Plan"])) for text in plans]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def planner(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Planner]:
    """A log beside a smaller one of another workspace, known to the planner."""
    async with shared_server(postgres, EMPTY_TEMPLATE) as shared:
        scratch, other = await found_workspace(shared), await found_workspace(shared)
        await shared.sql.execute(FILL, scratch.workspace, EVENTS)
        await shared.sql.execute(FILL, other.workspace, EVENTS // 20)
        await directory(scratch)
        # As autovacuum does in the background of a log that lives.
        await shared.sql.execute("VACUUM ANALYZE")
        await shared.sql.execute("SET plan_cache_mode = force_generic_plan")
        tokens = {"service": scratch.token}
        async with shared.server.database.operating() as connection:
            for name, kind, subject in (("agent", ActorKind.AGENT, AGENT), ("member", ActorKind.USER, USER)):
                tokens[name] = await create_token(connection, kind, scratch.workspace, UUID(subject), name=name)
        yield Planner(scratch, tokens)


ID = "lpad(i::text, 32, '0')::uuid"


async def directory(scratch: Scratch) -> None:
    """What the log names, and a member who reads one of the boards."""
    statements = {
        f"INSERT INTO boards (workspace_id, id, name) SELECT $1, {ID}, 'B' FROM generate_series(1001, 1020) AS i": (),
        f"INSERT INTO tasks (workspace_id, id, title) SELECT $1, {ID}, 'T' FROM generate_series(2001, 2010) AS i": (),
        "INSERT INTO agents (workspace_id, id, name) VALUES ($1, $2, 'A')": (AGENT,),
        "INSERT INTO users (workspace_id, id, name) VALUES ($1, $2, 'U')": (USER,),
        "INSERT INTO memberships (workspace_id, user_id, role) VALUES ($1, $2, 'MEMBER')": (USER,),
        "INSERT INTO board_grants (workspace_id, user_id, board_id, can_read) VALUES ($1, $2, $3, true)": (USER, BOARD),
    }
    for statement, values in statements.items():
        await scratch.shared.sql.execute(statement, scratch.workspace, *values)


PAGE = """query($filter: ActivityEventFilter, $direction: OrderDirection! = DESC, $after: String) {
  activityEvents(filter: $filter, direction: $direction, after: $after) { nodes { id message board { name } } } }"""
COUNT = "query($filter: ActivityEventFilter) { activityEvents(filter: $filter) { totalCount(upTo: 40) { count } } }"
EXHAUSTIVE = COUNT.replace("upTo: 40", "upTo: 40, exhaustive: true")
OF = "events_workspace_id_{}_sequence_idx"
# One value of each filter, and the index that gives its events in page order.
IN_PAGE_ORDER: list[tuple[dict[str, Any], str]] = [
    ({}, "events_pkey"),
    ({"eventType": ["board.updated"]}, OF.format("event_type")),
    ({"eventTypePrefix": "approval."}, OF.format("category")),
    ({"category": ["approval"]}, OF.format("category")),
    ({"action": ["requested"]}, OF.format("action")),
    ({"outcome": ["FAILURE"]}, OF.format("outcome")),
    ({"outcome": ["DENIED"]}, OF.format("outcome")),
    ({"actorKind": ["SERVICE"]}, OF.format("actor_kind")),
    ({"actorId": [USER]}, OF.format("actor_id")),
    ({"agentId": [AGENT]}, OF.format("agent_id")),
    ({"userId": [USER]}, OF.format("user_id")),
    ({"boardId": [BOARD]}, OF.format("board_id")),
    ({"boardId": [uuid(1)]}, OF.format("board_id")),
    ({"taskId": [TASK]}, OF.format("task_id")),
    ({"entity": {"type": "task", "id": TASK}}, OF.format("entity_type_entity_id")),
    ({"correlationId": "run-8"}, OF.format("correlation_id")),
    ({"since": "2026-01-10T00:00:00Z"}, OF.format("created_at")),
    ({"until": "2026-01-05T00:00:00Z"}, OF.format("created_at")),
    ({"since": "2026-01-05T00:00:00Z", "until": "2026-01-06T00:00:00Z"}, OF.format("created_at")),
    ({"boardId": [BOARD], "since": "2026-01-03T00:00:00Z"}, OF.format("board_id")),
]


@pytest.mark.parametrize(
    ("wanted", "index"), IN_PAGE_ORDER, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
async def test_page_of_a_filter_is_read_from_its_index_in_page_order(
    planner: Planner, wanted: dict[str, Any], index: str
) -> None:
    for variables in ({}, {"direction": "ASC"}):
        for plan in await planner.plans(PAGE, {"filter": wanted, **variables}):
            assert index in plan.indexes
            assert "Seq Scan" not in plan.steps
            assert "Sort" not in plan.steps
            assert "Bitmap Heap Scan" not in plan.steps


@pytest.mark.parametrize(
    ("wanted", "index"), IN_PAGE_ORDER, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
async def test_bounded_count_of_a_filter_ends_with_its_bound(
    planner: Planner, wanted: dict[str, Any], index: str
) -> None:
    for plan in await planner.plans(COUNT, {"filter": wanted}):
        assert index in plan.indexes
        assert "Seq Scan" not in plan.steps
        assert "Sort" not in plan.steps


# Several values, or part of a type: what serves them is not in page order, so the planner weighs the log's own order against sorting.
SOMEHOW: list[dict[str, Any]] = [
    {"eventType": ["board.updated", "auth.login"]},
    {"eventTypePrefix": "task.s"},
    {"eventTypePrefix": "none"},
    {"category": ["approval", "agent"]},
    {"action": ["requested", "assigned"]},
    {"outcome": ["FAILURE", "DENIED"]},
    {"actorKind": ["SERVICE", "SYSTEM"]},
    {"actorId": [USER, AGENT]},
    {"agentId": [AGENT, uuid(3005)]},
    {"userId": [USER, uuid(4006)]},
    {"boardId": [BOARD, uuid(1008)]},
    {"taskId": [TASK, uuid(2008)]},
    {"boardId": [BOARD], "since": "2026-01-05T00:00:00Z", "until": "2026-01-06T00:00:00Z"},
]


@pytest.mark.parametrize("wanted", SOMEHOW, ids=str)
async def test_page_of_several_values_reads_an_index_and_never_the_whole_table(
    planner: Planner, wanted: dict[str, Any]
) -> None:
    for plan in await planner.plans(PAGE, {"filter": wanted}):
        assert plan.indexes
        assert "Seq Scan" not in plan.steps


@pytest.mark.parametrize("document", [PAGE, EXHAUSTIVE], ids=["page", "count"])
@pytest.mark.parametrize("text", ["zyzzyva", "ZYZZYVA", "no such word"])
async def test_rare_word_is_found_by_its_trigrams(planner: Planner, document: str, text: str) -> None:
    for caller in ("service", "agent", "member"):
        for plan in await planner.plans(document, {"filter": {"text": text}}, caller):
            assert "events_message_trgm_idx" in plan.indexes
            assert "Seq Scan" not in plan.steps


async def test_frequent_word_is_read_in_page_order(planner: Planner) -> None:
    for plan in await planner.plans(PAGE, {"filter": {"text": "report"}}):
        assert (plan.indexes, plan.steps & {"Seq Scan", "Sort"}) == ({"events_pkey"}, set())


async def test_deep_page_costs_what_the_first_costs(planner: Planner) -> None:
    """A cursor is a condition of the index, not a number of rows to leave out."""
    document = "query($filter: ActivityEventFilter) { activityEvents(filter: $filter, direction: ASC, first: 1) { edges { cursor } } }"
    for wanted, index in (({}, "events_pkey"), ({"boardId": [BOARD]}, OF.format("board_id"))):
        first = await planner.scratch.ask(document, {"filter": wanted})
        [edge] = first["activityEvents"]["edges"]
        for plan in await planner.plans(PAGE, {"filter": wanted, "direction": "ASC", "after": edge["cursor"]}):
            assert (plan.indexes & {index}, "Sort" in plan.steps) == ({index}, False)


COMMENTS = "query($board: ID, $task: ID) { taskComments(boardId: $board, taskId: $task) { nodes { message taskTitle boardName } } }"


@pytest.mark.parametrize(
    ("variables", "indexes"),
    [
        ({}, {OF.format("event_type")}),
        ({"board": BOARD}, {OF.format("board_id_event_type")}),
        ({"task": TASK}, {"events_comments_task_idx"}),
    ],
    ids=["all", "board", "task"],
)
async def test_comments_are_read_from_their_index_in_page_order(
    planner: Planner, variables: dict[str, str], indexes: set[str]
) -> None:
    for plan in await planner.plans(COMMENTS, variables):
        assert (indexes <= plan.indexes, "Seq Scan" in plan.steps, "Sort" in plan.steps) == (True, False, False)


@pytest.mark.parametrize(
    ("field", "sorts"),
    [
        ("entityName", False),
        ("firstEvent { id }", False),
        ("lastEvent { id }", False),
        ("events { nodes { id } }", False),
        ("contributors { count }", True),
    ],
)
async def test_trail_is_read_from_the_index_of_its_entity(planner: Planner, field: str, sorts: bool) -> None:
    document = f'{{ auditTrail(entityType: "task", entityId: "{TASK}") {{ {field} }} }}'
    for plan in await planner.plans(document):
        assert OF.format("entity_type_entity_id") in plan.indexes
        assert "Seq Scan" not in plan.steps
        assert ("Sort" in plan.steps) is sorts


@pytest.mark.parametrize("field", ["activityEvent", "node"])
async def test_single_event_is_read_by_its_id(planner: Planner, field: str) -> None:
    event_id = await planner.scratch.shared.sql.fetchval(
        "SELECT id FROM events WHERE workspace_id = $1 LIMIT 1", planner.scratch.workspace
    )
    for plan in await planner.plans(f'{{ {field}(id: "{event_id}") {{ id }} }}'):
        assert plan.indexes == {"events_workspace_id_id_idx"}


async def test_counts_over_a_short_time_read_that_time(planner: Planner) -> None:
    document = """{ activityMetrics(since: "2026-01-05T00:00:00Z", until: "2026-01-06T00:00:00Z") {
      total series { total } breakdown(by: ACTION) { key } } }"""
    for plan in await planner.plans(document):
        assert {OF.format("created_at"), "events_pkey"} <= plan.indexes
        assert "Seq Scan" not in plan.steps


@pytest.mark.parametrize(
    ("caller", "indexes"),
    [("agent", {OF.format("agent_id")}), ("member", {OF.format("board_id"), OF.format("user_id")})],
)
async def test_scope_alone_never_reads_the_whole_table(planner: Planner, caller: str, indexes: set[str]) -> None:
    """An agent's own events come in page order; a member's along the log for a stretch, or from the indexes of boards and users."""
    for plan in await planner.plans(PAGE, caller=caller):
        assert indexes <= plan.indexes
        assert "Seq Scan" not in plan.steps
        assert caller != "agent" or ("Sort" not in plan.steps and plan.indexes >= indexes)


async def test_what_a_member_sees_is_counted_along_its_boards(planner: Planner) -> None:
    """Not along the log, which holds many more events than its boards."""
    for plan in await planner.plans(COUNT, caller="member"):
        assert OF.format("board_id") in plan.indexes
        assert "events_pkey" not in plan.indexes
        assert plan.steps.isdisjoint({"Seq Scan", "Sort"})
