"""What PostgreSQL writes is what Python would have made: the same documents, so that a page is written, and so that it is not.

A list that is asked for under two names is read into records, whatever else is selected, so the second name is all that differs.
"""

import random
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import TEMPLATE
from tests.schema.servers import Shared, shared_server
from tests.support.clients import Statements
from tests.support.world import World
from trailcast.embedded import EmbeddedPostgres

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES_MAX = 40
CALLERS = ("owner", "admin", "member", "stranger", "bot", "builder", "service")
LOG = "mutation($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) { errors { message path } } }"
# Every field but `route`, which is worked out in Python. A list in a field's place is what may be selected of it.
ACTOR: list[Any] = ["kind", "id", "name", "role", "__typename"]
BOARD: list[Any] = ["id", "name", "isDeleted", "__typename"]
TASK: list[Any] = ["id", "title", "status", "isDeleted", ("board", BOARD)]
EVENT: list[Any] = [
    "id", "sequence", "cursor", "workspaceId", "eventType", "category", "action", "outcome", "message", "actorId", "agentId", "userId",
    "boardId", "taskId", "entityType", "entityId", "entityName", "metadata", "ipAddress", "userAgent", "correlationId", "occurredAt",
    "createdAt", "__typename", ("actor", ACTOR), ("onBehalfOf", ACTOR), ("board", BOARD), ("task", TASK),
    ("changes", ["path", "before", "after"]),
]  # fmt: skip
COMMENT: list[Any] = [
    "id", "cursor", "message", "createdAt", "agentId", "agentName", "agentRole", "userId", "taskId", "taskTitle", "boardId",
    "boardName", "__typename", ("author", ACTOR), ("task", TASK), ("board", BOARD),
]  # fmt: skip
NASTY = [
    'quotes " and \\ backslashes', "tab\t newline\n return\r bell\x07 escape\x1b", "</script> & <b>", "'; DROP TABLE x; --",
    "$1 :name %s {0}",
    "ünïcödé 日本語 🙂 \u2028\u2029\ufeff\u200d", "\x7f\x80\x9f", " ", "null", "true", "0", "||",
]  # fmt: skip
VALUES: list[Any] = [
    *NASTY, None, True, False, 0, -1, 2**63 - 1, -(2**63), 0.1, 1e300, 5e-324, -0.0, [], {}, [1, [2, {"a": None}]], {"": {"é": [""]}},
]  # fmt: skip


def inputs(world: World) -> list[dict[str, Any]]:
    """Events that hold all that is hard to write."""
    boards = [world.id(name) for name in ("alpha", "beta", "gamma")]
    tasks = [world.id(name) for name in ("alpha_task", "beta_task", "gamma_task")]
    people = [("USER", "member"), ("AGENT", "bot"), ("USER", "owner"), ("AGENT", "builder")]
    made: list[dict[str, Any]] = []
    for number, value in enumerate(VALUES):
        text = NASTY[number % len(NASTY)]
        kind, name = people[number % len(people)]
        made.append(
            {
                "eventType": "task.comment" if number % 3 == 0 else "custom.noted",
                "message": f"{text}{number}",
                "metadata": {text: value, "again": {"value": value}},
                "changes": [{"path": text, "before": value}, {"path": "b", "before": None, "after": value}][
                    : number % 3
                ],
                "entityName": text,
                "entity": {"type": "thing", "id": text},
                "correlationId": text,
                "actor": {"kind": kind, "id": world.id(name)},
                **({"onBehalfOf": {"kind": "USER", "id": world.id("member")}} if number % 4 == 0 else {}),
                **(
                    {"taskId": tasks[number % 3]}
                    if number % 3 == 0
                    else {"boardId": boards[number % 3]}
                    if number % 2
                    else {}
                ),
                "occurredAt": f"2026-01-01T00:00:00.{number:06d}Z" if number % 2 else "2026-01-01T00:00:00Z",
            }
        )
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Shared]:
    """A server whose log holds them, some with a moment of whole seconds, and an address; a task that has moved to a hidden board."""
    async with shared_server(postgres, TEMPLATE, document_aliases_max=500, document_directives_max=500) as server:
        answer = await server.gql.data(LOG, {"inputs": inputs(templates)}, token=templates.token("service"))
        assert answer["logActivities"]["errors"] == []
        await server.sql.execute("ALTER TABLE events DISABLE TRIGGER append_only")
        await server.sql.execute(
            "UPDATE events SET created_at = date_trunc('second', created_at) WHERE sequence % 5 = 0 AND workspace_id = $1",
            templates.acme,
        )
        await server.sql.execute(
            "UPDATE events SET ip_address = '::1', user_agent = 'A \"client\"' WHERE sequence % 3 = 0"
        )
        await server.sql.execute(
            "UPDATE tasks SET board_id = $1, status = 'a\"b' WHERE id = $2",
            templates.id("gamma"),
            templates.id("alpha_task"),
        )
        await server.sql.execute("UPDATE tasks SET board_id = NULL WHERE id = $1", templates.id("beta_task"))
        yield server


def drawn(fields: list[Any], chance: random.Random) -> str:
    """Some of the fields, in any order, some under other names, some behind conditions, some twice."""
    found = []
    for field in chance.sample(fields, chance.randint(1, min(len(fields), 12))):
        name, below = field if isinstance(field, tuple) else (field, None)
        alias = chance.choice(["", "", "", f"a{chance.randrange(10**9)}_: "])
        condition = chance.choice(["", "", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @skip(if: false)"])
        text = f"{alias}{name}{condition}"
        if below is not None:
            text += f" {{ id: __typename {drawn(below, chance)} }}".replace("id: __typename", "kind_: __typename")
            if chance.random() < 0.3:
                found.append(text)
                text = f"{alias}{name}{condition} {{ {drawn(below, chance)} }}"
        found.append(f"... {{ {text} }}" if chance.random() < 0.2 else text)
    return " ".join(found)


async def ask(shared: Shared, document: str, token: str) -> dict[str, Any]:
    """The answer, whose numbers are what they are in JavaScript: PostgreSQL writes 1e300 with all its digits."""
    await shared.gql(document, token=token)
    assert shared.gql.last is not None
    answer: dict[str, Any] = orjson.loads(shared.gql.last.content)
    assert "errors" not in answer, answer
    return answer["data"]  # type: ignore[no-any-return]


def documents(seed: int) -> tuple[str, str, str]:
    """The name of a list, and a document that has its page written, and one that does not."""
    chance = random.Random(seed)
    name, fields = chance.choice([("activityEvents", EVENT), ("taskComments", COMMENT)])
    selected = drawn(fields, chance)
    items, other = (
        (f"items: nodes {{ {selected} }}", "other: nodes { __typename }")
        if chance.random() < 0.5
        else (f"items: edges {{ at: cursor node {{ {selected} }} }}", "other: edges { cursor }")
    )
    way = chance.choice(["first", "last"])
    # No more: with 200 a selection may be drawn that costs more than a document may.
    arguments = f"({way}: {chance.choice([1, 3, 7, 100])}, direction: {chance.choice(['ASC', 'DESC'])})"
    info = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
    head = "query($yes: Boolean! = true) "
    info += " __typename @include(if: $yes)"
    return (
        name,
        f"{head}{{ {name}{arguments} {{ {items} {info} }} }}",
        f"{head}{{ {name}{arguments} {{ {items} {other} {info} }} }}",
    )


@given(seed=st.integers(0, 2**32), caller=st.sampled_from(CALLERS))
@settings(max_examples=EXAMPLES_MAX, deadline=None, phases=[Phase.reuse, Phase.generate])
async def test_a_page_that_is_written_is_the_page_that_would_be_made(
    shared: Shared, templates: World, seed: int, caller: str
) -> None:
    name, written, read = documents(seed)
    with Statements(shared.server.database) as ran:
        answers = [await ask(shared, document, templates.token(caller)) for document in (written, read)]
    assert ["AS written" in text for text in ran.of("events")] == [True, False]
    for answer in answers:
        answer[name].pop("other", None)
    assert answers[0] == answers[1]


async def test_all_fields_of_all_events_are_the_same(shared: Shared, templates: World) -> None:
    def whole(fields: list[Any]) -> str:
        return " ".join(
            f"{field[0]} {{ {whole(field[1])} }}" if isinstance(field, tuple) else field for field in fields
        )

    for name, fields in (("activityEvents", EVENT), ("taskComments", COMMENT)):
        for caller in CALLERS:
            items = f"edges {{ cursor node {{ {whole(fields)} }} }}"
            token = templates.token(caller)
            once = await ask(shared, f"{{ {name}(first: 200) {{ {items} }} }}", token)
            twice = await ask(shared, f"{{ {name}(first: 200) {{ {items} more: nodes {{ id }} }} }}", token)
            assert len(once[name]["edges"]) == len(twice[name].pop("more"))
            assert once == twice
    assert len(once["taskComments"]["edges"]) > len(NASTY) / 3


async def test_what_must_be_there_and_is_not_is_said_as_ever(shared: Shared, templates: World) -> None:
    """A comment whose task is unknown breaks a promise of the schema: the answer is graphql-core's, with its path."""
    await shared.sql.execute(
        "INSERT INTO events (workspace_id, sequence, id, created_at, occurred_at, event_type, category, action, outcome, message,"
        " actor_kind, actor_id, task_id, entity_type, entity_id, changes, metadata) SELECT workspace_id, last_sequence + 1,"
        " gen_random_uuid(), now(), now(), 'task.comment', 'task', 'commented', 'SUCCESS', 'Lost', 'SYSTEM', gen_random_uuid(),"
        " gen_random_uuid(), 'task', 'x', '[]', '{}' FROM heads WHERE workspace_id = $1",
        templates.globex,
    )
    token = templates.token("globex_owner")
    answer = await shared.gql("{ taskComments(first: 1) { nodes { message taskTitle } } }", token=token)
    assert [error["path"] for error in answer["errors"]] == [["taskComments", "nodes", 0, "taskTitle"]]
    assert await shared.gql.data("{ taskComments(first: 1) { nodes { message } } }", token=token) == {
        "taskComments": {"nodes": [{"message": "Lost"}]}
    }
