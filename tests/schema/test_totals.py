"""`totalCount` beside a page, and where no index tells it: bounded, unless it is asked for to the end."""

from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import pytest
import pytest_asyncio

from tests.access.rules import LOG
from tests.conftest import TEMPLATE
from tests.schema.servers import Shared, shared_server
from tests.support.world import World
from trailcast.embedded import EmbeddedPostgres

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOK_AT = 1
DOCUMENT = """query($filter: ActivityEventFilter, $first: Int, $last: Int, $after: String, $before: String, $offset: Int,
    $direction: OrderDirection! = DESC, $exhaustive: Boolean! = false, $upTo: Int! = 10000) {
  activityEvents(filter: $filter, direction: $direction, first: $first, last: $last, after: $after, before: $before, offset: $offset) {
    nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor }
    totalCount(upTo: $upTo, exhaustive: $exhaustive) { count isExact } } }"""
ALONE = """query($filter: ActivityEventFilter, $exhaustive: Boolean! = false, $upTo: Int! = 10000) {
  activityEvents(filter: $filter) { totalCount(upTo: $upTo, exhaustive: $exhaustive) { count isExact } } }"""


class Counting:
    """Asks a server that looks at one event."""

    def __init__(self, shared: Shared, world: World) -> None:
        self.shared = shared
        self.world = world

    async def __call__(self, document: str, caller: str = "owner", **variables: Any) -> dict[str, Any]:
        data = await self.shared.gql.data(document, variables, token=self.world.token(caller))
        found: dict[str, Any] = data["activityEvents"]
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ask(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Counting]:
    async with shared_server(postgres, TEMPLATE, count_look_at_max=LOOK_AT) as shared:
        yield Counting(shared, templates)


def exactly(count: int) -> dict[str, Any]:
    return {"count": count, "isExact": True}


async def test_a_total_beside_any_page_is_that_of_the_list(ask: Counting) -> None:
    everything = len(LOG["acme"])
    middle = (await ask(DOCUMENT, first=7))["pageInfo"]["endCursor"]
    ends = [{}, {"after": middle}, {"before": middle}, {"offset": 5}, {"offset": everything + 3}]
    for size, end, direction in product((0, 1, 7, everything - 5, everything, 200), ends, ("ASC", "DESC")):
        for way in ("first",) if "offset" in end else ("first", "last"):
            asked = {way: size, "direction": direction, **end}
            assert (await ask(DOCUMENT, **asked))["totalCount"] == exactly(everything), asked


async def test_a_page_tells_the_total_up_to_the_bound(ask: Counting) -> None:
    everything = len(LOG["acme"])
    assert (await ask(DOCUMENT, first=200, upTo=everything))["totalCount"] == exactly(everything)
    assert (await ask(DOCUMENT, first=200, upTo=everything - 1))["totalCount"] == {
        "count": everything - 1,
        "isExact": False,
    }


@pytest.mark.parametrize("caller", ["owner", "member", "bot", "stranger", "service"])
async def test_of_a_text_so_many_are_looked_at_and_all_of_them_only_if_asked(ask: Counting, caller: str) -> None:
    wanted = {"text": "invoice"}
    there = len((await ask(DOCUMENT, caller, filter=wanted, first=200))["nodes"])
    assert (there > 2) == (caller in {"owner", "member", "service"})
    assert (await ask(ALONE, caller, filter=wanted, exhaustive=True))["totalCount"] == exactly(there)
    assert (await ask(ALONE, caller, filter=wanted, exhaustive=True, upTo=1))["totalCount"] == (
        {"count": 1, "isExact": False} if there > 1 else exactly(there)
    )
    at_least = (await ask(ALONE, caller, filter=wanted))["totalCount"]
    assert at_least["count"] <= min(there, 2 * LOOK_AT + 2)
    assert at_least["count"] == there or not at_least["isExact"]
    # A page knows more: all of a list that fits on it, and of a longer one what it shows and that there is more.
    assert (await ask(DOCUMENT, caller, filter=wanted, first=200))["totalCount"] == exactly(there)
    if there > LOOK_AT:
        beside = (await ask(DOCUMENT, caller, filter=wanted, first=there - 1))["totalCount"]
        assert beside == {"count": there, "isExact": False}


async def test_what_an_index_holds_is_counted_without_a_look(ask: Counting) -> None:
    board = ask.world.id("alpha")
    for wanted in ({}, {"boardId": [board]}, {"boardId": [board], "eventType": ["task.comment"]}):
        for caller in ("owner", "service"):
            there = len((await ask(DOCUMENT, caller, filter=wanted, first=200))["nodes"])
            assert there > LOOK_AT
            assert (await ask(ALONE, caller, filter=wanted))["totalCount"] == exactly(there), wanted
