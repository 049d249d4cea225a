"""Every way to read events × every caller: exactly what the hand-written rules say, and hidden answers like absent to the byte."""

import itertools
from typing import Any

import pytest

from tests.access.conftest import Asking
from tests.access.rules import ABSENT, ACTORS, CALLERS, LOG, TITLES, Logged, seen_by

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVENTS = """query($filter: ActivityEventFilter) { activityEvents(filter: $filter, first: 200) {
  nodes { id } edges { node { id } } totalCount { count isExact } pageInfo { hasNextPage hasPreviousPage } } }"""
EVENT = """query($id: ID!) { activityEvent(id: $id) { id eventType outcome message actor { kind id name role }
  entityType entityId boardId board { id name } taskId task { id title } } }"""
COMMENTS = """query($board: ID, $task: ID) { taskComments(boardId: $board, taskId: $task, first: 200) {
  nodes { id message author { name } taskTitle boardName } edges { node { id } } totalCount { count isExact } } }"""


def page_of(ask: Asking, events: list[Logged]) -> dict[str, Any]:
    """The page that holds these events (the oldest first) and nothing else."""
    nodes = [{"id": ask.id(event.name)} for event in reversed(events)]
    return {
        "nodes": nodes,
        "edges": [{"node": node} for node in nodes],
        "totalCount": {"count": len(nodes), "isExact": True},
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False},
    }


async def test_list_holds_what_the_caller_sees_and_counts_the_same(ask: Asking, caller: str) -> None:
    assert await ask.data(caller, EVENTS) == {"activityEvents": page_of(ask, seen_by(caller))}


async def test_no_filter_widens_what_the_caller_sees(ask: Asking, caller: str) -> None:
    visible = seen_by(caller)
    filters: list[tuple[dict[str, Any], list[Logged]]] = []
    for board in ("alpha", "beta", "gamma", "globex_board"):
        filters.append(({"boardId": [ask.id(board)]}, [event for event in visible if event.place[0] == board]))
    for task in ("alpha_task", "beta_task", "gamma_task", "globex_task"):
        filters.append(({"taskId": [ask.id(task)]}, [event for event in visible if event.place[1] == task]))
    for actor, (kind, *_) in ACTORS.items():
        of_actor = [event for event in visible if event.actor == actor]
        filters.append(({"actorId": [ask.id(actor)]}, of_actor))
        filters.append(({"agentId": [ask.id(actor)]}, of_actor if kind == "AGENT" else []))
        filters.append(({"userId": [ask.id(actor)]}, of_actor if kind == "USER" else []))
    for kind, name in sorted({event.entity for events in LOG.values() for event in events}):
        entity = [event for event in visible if event.entity == (kind, name)]
        filters.append(({"entity": {"type": kind, "id": ask.id(name)}}, entity))
    filters.append(({"text": "plan"}, [event for event in visible if "plan" in (event.message or "").lower()]))
    filters.append(({"outcome": ["FAILURE", "DENIED"]}, [event for event in visible if event.outcome != "SUCCESS"]))
    wrong = [
        wanted
        for wanted, events in filters
        if await ask.data(caller, EVENTS, {"filter": wanted}) != {"activityEvents": page_of(ask, events)}
    ]
    assert wrong == []


async def test_hidden_board_and_absent_board_give_the_same_empty_page(ask: Asking, caller: str) -> None:
    """Except to those who see events on it, each board, agent, user and task answers like one that is not there."""
    shown = seen_by(caller)
    absent = {key: await ask.raw(caller, EVENTS, {"filter": {key: [ABSENT]}}) for key in ("boardId", "taskId", "actorId")}
    for key, names, on in (
        ("boardId", ("alpha", "beta", "gamma", "globex_board"), {event.place[0] for event in shown}),
        ("taskId", ("alpha_task", "beta_task", "gamma_task", "globex_task"), {event.place[1] for event in shown}),
        ("actorId", tuple(ACTORS), {event.actor for event in shown}),
    ):
        for name in set(names) - on:
            assert await ask.raw(caller, EVENTS, {"filter": {key: [ask.id(name)]}}) == absent[key], name


async def test_single_event_is_shown_to_who_sees_it_and_absent_to_all_others(ask: Asking, caller: str) -> None:
    refused = await ask.raw(caller, EVENT, {"id": ABSENT})
    assert refused[0] == 200
    assert await ask(caller, EVENT, {"id": ABSENT}) == {
        "data": {"activityEvent": None},
        "errors": [
            {
                "message": "Nothing with this id is visible to you.",
                "locations": [{"line": 1, "column": 18}],
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
    boards = (None, "alpha", "beta", "gamma", "globex_board", ABSENT)
    tasks = (None, "alpha_task", "alpha_task2", "beta_task", "gamma_task", "loose_task", "globex_task", ABSENT)
    for board, task in itertools.product(boards, tasks):
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


def test_rules_name_callers_and_events_that_exist(ask: Asking) -> None:
    """A table that is misspelled would say less than it seems to."""
    from tests.access.rules import FINDS, SEE_EVERYTHING, SEES

    names = [event.name for events in LOG.values() for event in events]
    assert len(names) == len(set(names))
    assert set(names) == set(SEES)
    assert {name for seen in SEES.values() for name in seen.split()} | set().union(*SEE_EVERYTHING.values()) <= set(CALLERS)
    assert set(FINDS) == set(CALLERS)
    assert set(ask.world.events) <= set(names)
    assert {name: ask.ids[name] for name in ask.world.events} == dict(ask.world.events)
