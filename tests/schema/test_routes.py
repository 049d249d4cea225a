"""The six rules by which a front end knows where to go, first the rules alone, then through the API."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tests.support.clients import Client
from tests.support.world import World
from trailcast.ledger.routing import route_of
from trailcast.records import EventRecord, Route

EVENT, BOARD, TASK = (UUID(int=number) for number in (1, 2, 3))
MOMENT = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
ON_BOARD, ON_TASK = {"boardId": str(BOARD)}, {"taskId": str(TASK)}

# Type, board, task, and where to go: the first rule that fits.
RULES: list[tuple[str, UUID | None, UUID | None, str, dict[str, str]]] = [
    ("task.comment", BOARD, TASK, "board", {**ON_BOARD, **ON_TASK, "commentId": str(EVENT)}),
    ("approval.requested", BOARD, TASK, "board.approvals", ON_BOARD),
    ("approval.reviewed", BOARD, None, "board.approvals", ON_BOARD),
    ("board.updated", BOARD, TASK, "board", {**ON_BOARD, "panel": "chat"}),
    ("board.created", BOARD, None, "board", {**ON_BOARD, "panel": "chat"}),
    ("task.updated", BOARD, TASK, "board", {**ON_BOARD, **ON_TASK}),
    ("approvals.counted", BOARD, TASK, "board", {**ON_BOARD, **ON_TASK}),
    ("boards.counted", BOARD, None, "board", ON_BOARD),
    ("task.comment", BOARD, None, "board", ON_BOARD),
    ("auth.login", BOARD, None, "board", ON_BOARD),
    ("task.comment", None, TASK, "activity", ON_TASK),
    ("approval.requested", None, TASK, "activity", ON_TASK),
    ("board.updated", None, None, "activity", {}),
    ("auth.login", None, None, "activity", {}),
]


@pytest.mark.parametrize(("event_type", "board", "task", "name", "params"), RULES)
def test_first_rule_that_fits_names_the_page(
    event_type: str, board: UUID | None, task: UUID | None, name: str, params: dict[str, str]
) -> None:
    event = EventRecord(
        UUID(int=9), 1, "", id=EVENT, event_type=event_type, board_id=board, task_id=task, created_at=MOMENT
    )
    if name == "activity":
        params = {"eventId": str(EVENT), "eventType": event_type, "createdAt": MOMENT.isoformat(), **params}
    assert route_of(event) == Route(name, params)


async def test_api_gives_the_route_whatever_else_is_selected(gql: Client, world: World) -> None:
    alpha, alpha_task, loose = world.id("alpha"), world.id("alpha_task"), world.id("loose_task")
    cases: list[tuple[dict[str, Any], str, dict[str, str]]] = [
        (
            {"eventType": "task.comment", "taskId": alpha_task, "message": "M"},
            "board",
            {"boardId": alpha, "taskId": alpha_task},
        ),
        ({"eventType": "approval.requested", "taskId": alpha_task}, "board.approvals", {"boardId": alpha}),
        ({"eventType": "board.updated", "boardId": alpha}, "board", {"boardId": alpha, "panel": "chat"}),
        ({"eventType": "task.updated", "taskId": alpha_task}, "board", {"boardId": alpha, "taskId": alpha_task}),
        ({"eventType": "custom.noted", "boardId": alpha}, "board", {"boardId": alpha}),
        ({"eventType": "task.comment", "taskId": loose, "message": "M"}, "activity", {"taskId": loose}),
        ({"eventType": "custom.noted"}, "activity", {}),
    ]
    log = """mutation($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) {
      events { route { name params } } errors { message } } }"""
    logged = await gql.data(log, {"inputs": [given for given, _, _ in cases]}, token=world.token("owner"))
    document = f"""{{ alone: activityEvents(direction: DESC, first: {len(cases)}) {{ nodes {{ route {{ name params }} }} }}
      beside: activityEvents(direction: DESC, first: {len(cases)}) {{ nodes {{ id eventType createdAt route {{ name params }} }} }}
      taskComments(first: 2) {{ nodes {{ id createdAt route {{ name params }} }} }} }}"""
    answer = await gql.data(document, token=world.token("owner"))
    nodes = answer["beside"]["nodes"][::-1]
    expected = [
        {"name": name, "params": params | derived(name, node)}
        for (_, name, params), node in zip(cases, nodes, strict=True)
    ]
    assert [node["route"] for node in nodes] == expected
    assert [node["route"] for node in answer["alone"]["nodes"][::-1]] == expected
    assert [event["route"] for event in logged["logActivities"]["events"]] == expected
    assert [node["route"] for node in answer["taskComments"]["nodes"]] == [expected[5], expected[0]]


def derived(name: str, node: dict[str, Any]) -> dict[str, str]:
    """The parameters that are known only when the event is written."""
    if name == "activity":
        return {"eventId": node["id"], "eventType": node["eventType"], "createdAt": node["createdAt"]}
    return {"commentId": node["id"]} if node["eventType"] == "task.comment" else {}
