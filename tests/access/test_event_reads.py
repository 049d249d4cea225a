"""Every way to read events × every caller: exactly what the hand-written rules say, and hidden answers like absent to the byte."""

import itertools
from typing import Any

import pytest

from tests.access.conftest import Asking
from tests.access.rules import ABSENT, ACTORS, CALLERS, FINDS, LOG, SEE_EVERYTHING, SEES, TITLES, Logged, seen_by

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = """query { activityEvents(first: 200) { nodes { id } edges { node { id } } totalCount { count isExact }
  pageInfo { hasNextPage hasPreviousPage } } }"""
EVENTS = """query($filter: ActivityEventFilter) { activityEvents(filter: $filter, first: 200) {
  nodes { id } totalCount { count } } }"""
EVENT = """query($id: ID!) { activityEvent(id: $id) { id eventType outcome message actor { kind id name role }
  entityType entityId boardId board { id name } taskId task { id title } } }"""
COMMENTS = """query($board: ID, $task: ID) { taskComments(boardId: $board, taskId: $task, first: 200) {
  nodes { id message author { name } taskTitle boardName } edges { node { id } } totalCount { count isExact } } }"""


async def test_list_holds_what_the_caller_sees_and_counts_the_same(ask: Asking, caller: str) -> None:
    nodes = [{"id": ask.id(event.name)} for event in reversed(seen_by(caller))]
    assert await ask.data(caller, PAGE) == {
        "activityEvents": {
            "nodes": nodes,
            "edges": [{"node": node} for node in nodes],
            "totalCount": {"count": len(nodes), "isExact": True},
            "pageInfo": {"hasNextPage": False, "hasPreviousPage": False},
        }
    }


def narrowed(ask: Asking, visible: list[Logged]) -> list[tuple[dict[str, Any], list[Logged]]]:
    """Filters of every kind that could reach beyond a scope, each with what may be left of the visible events."""
    places = (
        ("boardId", 0, ("alpha", "beta", "gamma", "globex_board")),
        ("taskId", 1, ("alpha_task", "gamma_task", "globex_task")),
    )
    keys = {"AGENT": "agentId", "USER": "userId", "SERVICE": "actorId"}
    entities = (("user", "owner"), ("board", "alpha"), ("task", "gamma_task"), ("service", "service"), ("agent", "bot"))
    return [
        *(
            ({key: [ask.id(name)]}, [event for event in visible if event.place[at] == name])
            for key, at, names in places
            for name in names
        ),
        *(
            ({keys[kind]: [ask.id(actor)]}, [event for event in visible if event.actor == actor])
            for actor, (kind, *_) in ACTORS.items()
        ),
        *(
            ({"entity": {"type": entity[0], "id": ask.id(entity[1])}}, [event for event in visible if event.entity == entity])
            for entity in entities
        ),
        ({"text": "plan"}, [event for event in visible if "plan" in (event.message or "").lower()]),
        ({"outcome": ["FAILURE", "DENIED"]}, [event for event in visible if event.outcome != "SUCCESS"]),
    ]  # fmt: skip


async def test_no_filter_widens_what_the_caller_sees(ask: Asking, caller: str) -> None:
    for wanted, events in narrowed(ask, seen_by(caller)):
        nodes = [{"id": ask.id(event.name)} for event in reversed(events)]
        expected = {"activityEvents": {"nodes": nodes, "totalCount": {"count": len(nodes)}}}
        assert await ask.data(caller, EVENTS, {"filter": wanted}) == expected, wanted


async def test_filter_by_something_hidden_answers_like_one_by_something_absent(ask: Asking, caller: str) -> None:
    visible = seen_by(caller)
    for key, names, shown_with in (
        ("boardId", ("gamma", "globex_board", "beta"), {event.place[0] for event in visible}),
        ("actorId", ("admin", "bot", "globex_agent"), {event.actor for event in visible}),
    ):
        absent = await ask.raw(caller, EVENTS, {"filter": {key: [ABSENT]}})
        for name in set(names) - shown_with:
            assert await ask.raw(caller, EVENTS, {"filter": {key: [ask.id(name)]}}) == absent, name


async def test_single_event_is_shown_to_who_sees_it_and_absent_to_all_others(ask: Asking, caller: str) -> None:
    refused = await ask.raw(caller, EVENT, {"id": ABSENT})
    assert refused[0] == 200
    assert await ask(caller, EVENT, {"id": ABSENT}) == {
        "data": {"activityEvent": None},
        "errors": [
            {
                "message": "Nothing with this id is visible to you.",
                "locations": [{"line": 1, "column": EVENT.index("activityEvent") + 1}],
                "path": ["activityEvent"],
                "extensions": {"code": "NOT_FOUND"},
            }
        ],
    }
    for event in itertools.chain(*LOG.values()):
        variables = {"id": ask.id(event.name)}
        if event in seen_by(caller):
            assert await ask.data(caller, EVENT, variables) == {"activityEvent": shown(ask, event)}, event.name
        else:
            assert await ask.raw(caller, EVENT, variables) == refused, event.name


def shown(ask: Asking, event: Logged) -> dict[str, Any]:
    """The event as the document EVENT shows it."""
    kind, name, role = ACTORS[event.actor]
    board, task = event.place
    return {
        "id": ask.id(event.name),
        "eventType": event.event_type,
        "outcome": event.outcome,
        "message": event.message,
        "actor": {"kind": kind, "id": ask.id(event.actor), "name": name, "role": role},
        "entityType": event.entity[0],
        "entityId": ask.id(event.entity[1]),
        "boardId": board and ask.id(board),
        "board": board and {"id": ask.id(board), "name": TITLES[board]},
        "taskId": task and ask.id(task),
        "task": task and {"id": ask.id(task), "title": TITLES[task]},
    }


async def test_comments_are_those_that_the_caller_sees_of_any_board_or_task(ask: Asking, caller: str) -> None:
    comments = [event for event in seen_by(caller) if event.event_type == "task.comment"]
    boards, tasks = (
        ("alpha", "beta", "gamma", "globex_board", ABSENT),
        ("alpha_task", "gamma_task", "globex_task", ABSENT),
    )
    places = ((None, None), ("alpha", "alpha_task2"), ("beta", "alpha_task"))
    for board, task in (*places, *((board, None) for board in boards), *((None, task) for task in tasks)):
        variables = {"board": board and (board if board is ABSENT else ask.id(board)),
                     "task": task and (task if task is ABSENT else ask.id(task))}  # fmt: skip
        expected = [event for event in comments if board in {None, event.place[0]} and task in {None, event.place[1]}]
        nodes = [
            {
                "id": ask.id(event.name),
                "message": event.message,
                "author": {"name": ACTORS[event.actor][1]},
                "taskTitle": TITLES[event.place[1] or ""],
                "boardName": TITLES[event.place[0] or ""],
            }
            for event in reversed(expected)
        ]
        assert await ask.data(caller, COMMENTS, variables) == {
            "taskComments": {
                "nodes": nodes,
                "edges": [{"node": {"id": node["id"]}} for node in nodes],
                "totalCount": {"count": len(nodes), "isExact": True},
            }
        }, (board, task)


async def test_rules_name_callers_and_events_that_exist(ask: Asking) -> None:
    """A table that is misspelled would say less than it seems to."""
    names = [event.name for events in LOG.values() for event in events]
    assert len(names) == len(set(names))
    assert set(names) == set(SEES)
    assert {name for seen in SEES.values() for name in seen.split()} | set().union(*SEE_EVERYTHING.values()) <= set(
        CALLERS
    )
    assert set(FINDS) == set(CALLERS)
    assert set(ask.world.events) <= set(names)
    assert {name: ask.ids[name] for name in ask.world.events} == dict(ask.world.events)
