"""Pages of the log: which events each combination of arguments gives, what stands around them, and which are refused."""

from typing import Any

import pytest

from tests.schema.conftest import Reading
from tests.support.clients import Client
from tests.support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = """query($direction: OrderDirection!, $first: Int, $after: String, $last: Int, $before: String, $offset: Int) {
  activityEvents(direction: $direction, first: $first, after: $after, last: $last, before: $before, offset: $offset) {
    nodes { sequence cursor } edges { cursor node { sequence } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
NEWEST = 20  # Acme's log has the sequences 1 to 20


async def cursors(read: Reading) -> dict[int, str]:
    answer = await read.data("{ activityEvents(first: 200) { nodes { sequence cursor } } }")
    return {int(node["sequence"]): node["cursor"] for node in answer["activityEvents"]["nodes"]}


def down(start: int, end: int) -> list[int]:
    return list(range(start, end - 1, -1))


def up(start: int, end: int) -> list[int]:
    return list(range(start, end + 1))


# Arguments (cursors by sequence), the sequences on the page, whether something follows and stands before it.
DESCENDING: list[tuple[dict[str, int], list[int], tuple[bool, bool]]] = [
    ({}, down(20, 1), (False, False)),
    ({"first": 200}, down(20, 1), (False, False)),
    ({"first": 20}, down(20, 1), (False, False)),
    ({"first": 19}, down(20, 2), (True, False)),
    ({"first": 3}, [20, 19, 18], (True, False)),
    ({"first": 3, "after": 18}, [17, 16, 15], (True, True)),
    ({"first": 3, "after": 4}, [3, 2, 1], (False, True)),
    ({"first": 3, "after": 1}, [], (False, True)),
    ({"after": 3}, [2, 1], (False, True)),
    ({"before": 18}, [20, 19], (False, False)),
    ({"first": 2, "before": 15}, [20, 19], (True, False)),
    ({"first": 9, "before": 15}, down(20, 16), (False, False)),
    ({"after": 15, "before": 11}, [14, 13, 12], (False, True)),
    ({"first": 2, "after": 15, "before": 11}, [14, 13], (True, True)),
    ({"after": 11, "before": 15}, [], (False, True)),
    ({"last": 3}, [3, 2, 1], (False, True)),
    ({"last": 20}, down(20, 1), (False, False)),
    ({"last": 3, "before": 3}, [6, 5, 4], (True, True)),
    ({"last": 3, "before": 19}, [20], (True, False)),
    ({"last": 3, "before": 20}, [], (True, False)),
    ({"last": 3, "after": 15}, [3, 2, 1], (False, True)),
    ({"last": 3, "after": 4}, [3, 2, 1], (False, False)),
    ({"last": 2, "after": 15, "before": 11}, [13, 12], (True, True)),
    ({"last": 9, "after": 15, "before": 11}, [14, 13, 12], (True, False)),
    ({"first": 3, "offset": 0}, [20, 19, 18], (True, False)),
    ({"first": 3, "offset": 3}, [17, 16, 15], (True, True)),
    ({"first": 3, "offset": 18}, [2, 1], (False, True)),
    ({"first": 3, "offset": 20}, [], (False, True)),
    ({"offset": 10_000}, [], (False, True)),
    ({"first": 3, "offset": 0, "after": 18}, [17, 16, 15], (True, True)),
    ({"last": 3, "offset": 0}, [3, 2, 1], (False, True)),
    ({"first": 0}, [], (True, False)),
    ({"first": 0, "after": 2}, [], (True, True)),
    ({"first": 0, "after": 1}, [], (False, True)),
    ({"last": 0}, [], (False, True)),
    ({"last": 0, "before": 20}, [], (True, False)),
]
ASCENDING: list[tuple[dict[str, int], list[int], tuple[bool, bool]]] = [
    ({}, up(1, 20), (False, False)),
    ({"first": 3}, [1, 2, 3], (True, False)),
    ({"first": 3, "after": 3}, [4, 5, 6], (True, True)),
    ({"first": 3, "after": 18}, [19, 20], (False, True)),
    ({"first": 3, "before": 3}, [1, 2], (False, False)),
    ({"last": 3}, [18, 19, 20], (False, True)),
    ({"last": 3, "before": 18}, [15, 16, 17], (True, True)),
    ({"last": 3, "after": 18}, [19, 20], (False, False)),
    ({"after": 11, "before": 15}, [12, 13, 14], (False, True)),
    ({"after": 15, "before": 11}, [], (False, True)),
    ({"first": 3, "offset": 3}, [4, 5, 6], (True, True)),
    ({"first": 0, "after": 20}, [], (False, True)),
]


@pytest.mark.parametrize(
    ("direction", "arguments", "sequences", "around"),
    [*(("DESC", *case) for case in DESCENDING), *(("ASC", *case) for case in ASCENDING)],
    ids=lambda value: str(value) if isinstance(value, str | dict) else "",
)
async def test_page_holds_these_events_and_knows_what_stands_around_it(
    read: Reading, direction: str, arguments: dict[str, int], sequences: list[int], around: tuple[bool, bool]
) -> None:
    known = await cursors(read)
    given = {name: known[value] if name in {"after", "before"} else value for name, value in arguments.items()}
    answer = await read.data(PAGE, {"direction": direction, **given})
    nodes = [{"sequence": str(sequence), "cursor": known[sequence]} for sequence in sequences]
    assert answer["activityEvents"] == {
        "nodes": nodes,
        "edges": [{"cursor": node["cursor"], "node": {"sequence": node["sequence"]}} for node in nodes],
        "pageInfo": {
            "hasNextPage": around[0],
            "hasPreviousPage": around[1],
            "startCursor": nodes[0]["cursor"] if nodes else None,
            "endCursor": nodes[-1]["cursor"] if nodes else None,
        },
    }


BAD: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"first": -1}, "first must be 0 to 200.", ["first"]),
    ({"first": 201}, "first must be 0 to 200.", ["first"]),
    ({"last": -1}, "last must be 0 to 200.", ["last"]),
    ({"last": 201}, "last must be 0 to 200.", ["last"]),
    ({"first": 1, "last": 1}, "Give first or last, not both.", ["last"]),
    ({"offset": -1}, "offset must be 0 to 10000; go further with after.", ["offset"]),
    ({"offset": 10_001}, "offset must be 0 to 10000; go further with after.", ["offset"]),
    *(
        ({"offset": 1, name: value}, "offset goes with first alone: leave after, before and last out.", ["offset"])
        for name, value in (("after", 5), ("before", 5), ("last", 5))
    ),
]


@pytest.mark.parametrize(("arguments", "message", "path"), BAD, ids=str)
async def test_page_out_of_bounds_is_refused_with_the_argument(
    read: Reading, arguments: dict[str, Any], message: str, path: list[str]
) -> None:
    known = await cursors(read)
    given = {name: known[value] if name in {"after", "before"} else value for name, value in arguments.items()}
    refusal = {"message": message, "code": "BAD_USER_INPUT", "path": path}
    assert await read.refusal(PAGE, {"direction": "DESC", **given}) == refusal
    # The same where only a count is asked for, which needs no page.
    count = PAGE[: PAGE.index("nodes {")] + "totalCount { count } } }"
    assert await read.refusal(count, {"direction": "DESC", **given}) == refusal


@pytest.mark.parametrize("field", ["taskComments", "auditTrail"])
async def test_other_lists_of_the_log_are_paged_by_the_same_rules(read: Reading, field: str) -> None:
    arguments = "first: $first, after: $after, last: $last, before: $before"
    page = "nodes { id cursor } pageInfo { hasNextPage hasPreviousPage }"
    trail = f'auditTrail(entityType: "task", entityId: "{read.world.id("alpha_task")}")'
    inner = (
        f"taskComments({arguments}) {{ {page} }}"
        if field == "taskComments"
        else f"{trail} {{ events({arguments}) {{ {page} }} }}"
    )
    document = f"query($first: Int, $after: String, $last: Int, $before: String) {{ {inner} }}"

    async def ask(**given: Any) -> tuple[list[str], bool, bool, list[str]]:
        answer = (await read.data(document, given))[field]
        found = answer["events"] if field == "auditTrail" else answer
        info = found["pageInfo"]
        ids, places = [node["id"] for node in found["nodes"]], [node["cursor"] for node in found["nodes"]]
        return ids, info["hasNextPage"], info["hasPreviousPage"], places

    everything, *_, places = await ask()
    assert len(everything) == {"taskComments": 7, "auditTrail": 4}[field]
    assert (await ask(first=2))[:3] == (everything[:2], True, False)
    assert (await ask(first=2, after=places[0]))[:3] == (everything[1:3], True, True)
    assert (await ask(last=2))[:3] == (everything[-2:], False, True)
    assert (await ask(last=2, before=places[-1]))[:3] == (everything[-3:-1], True, True)
    assert (await ask(first=0))[:3] == ([], True, False)
    assert await read.refusal(document, {"first": 201}) == {
        "message": "first must be 0 to 200.",
        "code": "BAD_USER_INPUT",
        "path": ["first"],
    }


async def test_newest_come_first_but_in_a_trail(read: Reading) -> None:
    entity = f'entityType: "task", entityId: "{read.world.id("alpha_task")}"'
    answer = await read.data(
        f"{{ activityEvents(first: 2) {{ nodes {{ id }} }} taskComments(first: 2) {{ nodes {{ id }} }} "
        f"auditTrail({entity}) {{ events {{ nodes {{ id }} }} }} }}"
    )
    assert read.names(answer["activityEvents"]["nodes"]) == ["denied", "member_login"]
    assert read.names(answer["taskComments"]["nodes"]) == ["owner_gamma", "bot_gamma"]
    trail = ["owner_alpha", "member_alpha", "bot_alpha", "bot_status"]
    assert read.names(answer["auditTrail"]["events"]["nodes"]) == trail


@pytest.mark.asyncio(loop_scope="function")
async def test_page_has_fifty_events_unless_asked_otherwise_and_two_hundred_at_most(gql: Client, world: World) -> None:
    log = "mutation($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) { errors { message } } }"
    await gql.data(log, {"inputs": [{"eventType": "custom.noted"}] * 200}, token=world.token("owner"))
    document = """{ activityEvents { nodes { sequence } pageInfo { hasNextPage } }
      most: activityEvents(first: 200) { nodes { sequence } pageInfo { hasNextPage } } }"""
    answer = await gql.data(document, token=world.token("owner"))
    for name, count in (("activityEvents", 50), ("most", 200)):
        assert answer[name] == {
            "nodes": [{"sequence": str(sequence)} for sequence in down(220, 221 - count)],
            "pageInfo": {"hasNextPage": True},
        }


COUNT = """query($upTo: Int!, $filter: ActivityEventFilter) {
  activityEvents(filter: $filter, first: 1) { totalCount(upTo: $upTo) { count isExact } } }"""


@pytest.mark.parametrize(
    ("up_to", "count"), [(1, (1, False)), (19, (19, False)), (20, (20, True)), (21, (20, True)), (10_000, (20, True))]
)
async def test_count_stops_at_its_bound_and_says_so(read: Reading, up_to: int, count: tuple[int, bool]) -> None:
    answer = await read.data(COUNT, {"upTo": up_to})
    assert answer == {"activityEvents": {"totalCount": {"count": count[0], "isExact": count[1]}}}


async def test_count_is_that_of_the_filter_and_not_of_the_page(read: Reading) -> None:
    answer = await read.data(COUNT, {"upTo": 7, "filter": {"eventType": ["task.comment"]}})
    assert answer == {"activityEvents": {"totalCount": {"count": 7, "isExact": True}}}


@pytest.mark.parametrize("up_to", [0, -1, 10_001])
async def test_bound_of_a_count_has_bounds(read: Reading, up_to: int) -> None:
    assert await read.refusal(COUNT, {"upTo": up_to}) == {
        "message": "upTo must be 1 to 10000.",
        "code": "BAD_USER_INPUT",
        "path": ["upTo"],
    }
