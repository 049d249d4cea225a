"""Cursors that a list did not give are refused: altered ones, those of another workspace, those of another kind of list."""

import base64

import pytest

from tests.schema.conftest import Reading

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSAL = {
    "message": "This cursor is not one of this list in this workspace: start again without it.",
    "code": "BAD_CURSOR",
}
LISTS = {
    "activityEvents": "activityEvents({arguments}) {{ edges {{ cursor }} }}",
    "taskComments": "taskComments({arguments}) {{ edges {{ cursor }} }}",
    "auditTrail": 'auditTrail(entityType: "task", entityId: "{task}") {{ events({arguments}) {{ edges {{ cursor }} }} }}',
    "boards": "boards({arguments}) {{ edges {{ cursor }} }}",
    "agents": "agents({arguments}) {{ edges {{ cursor }} }}",
    "users": "users({arguments}) {{ edges {{ cursor }} }}",
    "tasks": "tasks({arguments}) {{ edges {{ cursor }} }}",
}
OF_THE_LOG = {"activityEvents", "taskComments", "auditTrail"}


def document(read: Reading, field: str, argument: str = "after") -> str:
    arguments = f"first: 1, {argument}: $cursor"
    return (
        "query($cursor: String) { " + LISTS[field].format(arguments=arguments, task=read.world.id("alpha_task")) + " }"
    )


async def first_cursor(read: Reading, field: str, caller: str = "owner") -> str:
    answer = (await read.data(document(read, field), {"cursor": None}, caller))[field]
    edges = (answer["events"] if field == "auditTrail" else answer)["edges"]
    cursor: str = edges[0]["cursor"]
    return cursor


@pytest.mark.parametrize("field", LISTS)
async def test_altered_cursor_is_refused(read: Reading, field: str) -> None:
    good = await first_cursor(read, field)
    altered = {
        "", "x", "0", "💥", "a" * 5000, good[:-1], good + "A", good + "=", good[1:], good + good, good.swapcase(), "=" + good[1:],
        base64.urlsafe_b64encode(b"20").decode(), base64.b64encode(base64.urlsafe_b64decode(good + "==")).decode() + "==",
        *(good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :] for place in range(0, len(good), 3)),
    }  # fmt: skip
    for cursor in sorted(altered):
        assert await read.refusal(document(read, field), {"cursor": cursor}) == REFUSAL, cursor


@pytest.mark.parametrize("field", sorted(OF_THE_LOG))
async def test_altered_cursor_is_refused_before_as_after(read: Reading, field: str) -> None:
    good = await first_cursor(read, field)
    assert await read.refusal(document(read, field, "before"), {"cursor": good[:-1]}) == REFUSAL


@pytest.mark.parametrize("field", sorted(set(LISTS) - {"auditTrail"}))
async def test_cursor_of_another_workspace_is_refused(read: Reading, field: str) -> None:
    foreign = await first_cursor(read, field, "globex_owner")
    assert await read.refusal(document(read, field), {"cursor": foreign}) == REFUSAL


@pytest.mark.parametrize("field", sorted(LISTS))
async def test_cursor_of_another_kind_of_list_is_refused_and_one_of_the_same_kind_is_not(
    read: Reading, field: str
) -> None:
    for other in LISTS:
        cursor = await first_cursor(read, other)
        if other == field or {other, field} <= OF_THE_LOG:
            # A place in the log is one for all that is in it.
            await read.data(document(read, field), {"cursor": cursor})
        else:
            assert await read.refusal(document(read, field), {"cursor": cursor}) == REFUSAL, other


async def test_cursor_of_an_event_and_of_its_comment_are_one(read: Reading) -> None:
    answer = await read.data(
        '{ activityEvents(filter: { eventType: ["task.comment"] }) { nodes { id cursor } edges { cursor } } '
        "taskComments { nodes { id cursor } edges { cursor } } }"
    )
    assert answer["activityEvents"] == answer["taskComments"]
    assert [edge["cursor"] for edge in answer["taskComments"]["edges"]] == [
        node["cursor"] for node in answer["taskComments"]["nodes"]
    ]
