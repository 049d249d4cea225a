"""Walks through the log while it grows: whatever the caller, filter, direction, way and page size, each event that was there
is seen once, in order."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.conftest import TEMPLATE
from tests.schema.servers import Shared, shared_server
from tests.support.world import World, identity
from trailcast.embedded import EmbeddedPostgres

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES_MAX = 25
PAGES_MAX = 50  # of one walk, so that a tiny page over everything does not take all the time
Row: TypeAlias = asyncpg.Record

PAGE = """query($filter: ActivityEventFilter, $direction: OrderDirection!, $first: Int, $after: String, $last: Int, $before: String) {
  activityEvents(filter: $filter, direction: $direction, first: $first, after: $after, last: $last, before: $before) {
    nodes { sequence } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
LOG = "mutation($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) { errors { message } } }"


def on(*boards: str) -> Callable[[Row], bool]:
    ids = {identity(board) for board in boards}
    return lambda row: str(row["board_id"]) in ids


def of(actor: str, column: str) -> Callable[[Row], bool]:
    return lambda row: str(row[column]) == identity(actor)


# What each caller sees, and what each filter leaves, told once more and by hand.
SEES: dict[str, Callable[[Row], bool]] = {
    "owner": lambda _row: True,
    "member": lambda row: on("alpha", "beta")(row) or of("member", "user_id")(row),
    "bot": of("bot", "agent_id"),
}
FILTERS: list[tuple[dict[str, Any], Callable[[Row], bool]]] = [
    ({}, lambda _row: True),
    (
        {"eventType": ["custom.first", "custom.third"]},
        lambda row: row["event_type"] in {"custom.first", "custom.third"},
    ),
    ({"eventTypePrefix": "custom.f"}, lambda row: row["event_type"] == "custom.first"),
    ({"category": ["custom"]}, lambda row: row["category"] == "custom"),
    ({"outcome": ["FAILURE", "DENIED"]}, lambda row: row["outcome"] != "SUCCESS"),
    ({"actorKind": ["AGENT"]}, lambda row: row["actor_kind"] == "AGENT"),
    ({"agentId": [identity("bot"), identity("builder")]}, lambda row: row["agent_id"] is not None),
    ({"boardId": [identity("alpha")]}, on("alpha")),
    ({"boardId": [identity("beta"), identity("gamma")]}, on("beta", "gamma")),
    ({"text": "word 1"}, lambda row: "word 1" in (row["message"] or "")),
    ({"entity": {"type": "thing", "id": "1"}}, lambda row: (row["entity_type"], row["entity_id"]) == ("thing", "1")),
    (
        {"category": ["custom"], "boardId": [identity("alpha")]},
        lambda row: row["category"] == "custom" and on("alpha")(row),
    ),
]
_numbers = itertools.count()


def burst(size: int) -> list[dict[str, Any]]:
    """Events of all sorts, so that some of them are found by any filter."""
    actors = [("AGENT", "bot"), ("USER", "owner"), ("USER", "member"), ("AGENT", "builder")]
    made = []
    for number in itertools.islice(_numbers, size):
        kind, actor = actors[number % 4]
        board = [None, "alpha", "beta", "gamma", "alpha"][number % 5]
        made.append(
            {
                "eventType": f"custom.{['first', 'second', 'third'][number % 3]}",
                "message": f"word {number % 7}",
                "outcome": ["SUCCESS", "FAILURE", "DENIED"][number % 3],
                "actor": {"kind": kind, "id": identity(actor)},
                "entity": {"type": "thing", "id": str(number % 2)},
                **({"boardId": identity(board)} if board else {}),
            }
        )
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Shared]:
    """A server of this module's own, with a log that every example makes longer."""
    async with shared_server(postgres, TEMPLATE) as server:
        await server.gql.data(LOG, {"inputs": burst(60)}, token=templates.token("service"))
        yield server


@dataclass(frozen=True)
class Walk:
    """Somebody who pages through a list from one end to the other, and what is written beside the first pages."""

    caller: str
    search: tuple[dict[str, Any], Callable[[Row], bool]]
    direction: str
    backward: bool
    size: int
    bursts: list[int]

    def finds(self, rows: list[Row]) -> list[int]:
        """The sequences of those that the caller may see and asks for."""
        return [row["sequence"] for row in rows if SEES[self.caller](row) and self.search[1](row)]

    async def run(self, shared: Shared, world: World) -> list[int]:
        """All sequences in the order of the list."""
        found: list[int] = []
        place: dict[str, str] = {}
        waiting = list(self.bursts)
        # Each burst may add a page or two; a list that goes in circles must not go on for ever.
        for _ in range(PAGES_MAX + 4 * len(self.bursts) + 2):
            asked: dict[str, Any] = {"filter": self.search[0], "direction": self.direction, **place}
            asked["last" if self.backward else "first"] = self.size
            reading = asyncio.create_task(shared.gql.data(PAGE, asked, token=world.token(self.caller)))
            inputs = burst(waiting.pop() if waiting else 0)
            await shared.gql.data(LOG, {"inputs": inputs}, token=world.token("service"))
            page = (await reading)["activityEvents"]
            sequences = [int(node["sequence"]) for node in page["nodes"]]
            found = [*sequences, *found] if self.backward else [*found, *sequences]
            info = page["pageInfo"]
            if not info["hasPreviousPage" if self.backward else "hasNextPage"]:
                return found
            assert len(sequences) == self.size
            place = {"before": info["startCursor"]} if self.backward else {"after": info["endCursor"]}
        pytest.fail(f"the walk does not end: {found[-20:]}")


WALKS = st.builds(
    Walk,
    caller=st.sampled_from(sorted(SEES)),
    search=st.sampled_from(FILTERS),
    direction=st.sampled_from(["ASC", "DESC"]),
    backward=st.booleans(),
    size=st.integers(1, 40) | st.just(200),
    bursts=st.lists(st.integers(0, 4), max_size=4),
)


@given(walk=WALKS)
@settings(max_examples=EXAMPLES_MAX, deadline=None)
async def test_walk_sees_each_event_that_was_there_once_and_in_order(
    shared: Shared, templates: World, walk: Walk
) -> None:
    log = "SELECT * FROM events WHERE workspace_id = $1 AND sequence > $2 ORDER BY sequence"
    rows = await shared.sql.fetch(log, templates.acme, 0)
    last = rows[-1]["sequence"]
    assume(len(walk.finds(rows)) <= PAGES_MAX * walk.size)
    found = await walk.run(shared, templates)
    assert found == sorted(set(found), reverse=walk.direction == "DESC")
    assert [sequence for sequence in sorted(found) if sequence <= last] == walk.finds(rows)
    # What came meanwhile may be on it or not, but only what this caller may see and asked for.
    came = await shared.sql.fetch(log, templates.acme, last)
    assert {sequence for sequence in found if sequence > last} <= set(walk.finds(came))
