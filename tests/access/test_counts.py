"""Every way to count events and to read the history of an entity × every caller: nothing hidden is in any number."""

from typing import Any

import pytest

from tests.access.conftest import Asking
from tests.access.rules import ABSENT, ACTORS, TITLES, Logged, seen_by

pytestmark = pytest.mark.asyncio(loop_scope="session")

# One of each kind, with one or several actors, of both workspaces, and one that is known in both.
ENTITIES = (
    ("user", "owner"), ("user", "member"), ("user", "double"), ("board", "alpha"), ("task", "alpha_task"), ("task", "gamma_task"),
    ("agent", "bot"), ("service", "service"), ("task", "globex_task"), ("user", "globex_owner"),
)  # fmt: skip
TRAIL = """query($type: String!, $id: ID!) { auditTrail(entityType: $type, entityId: $id) {
  entityType entityId entityName firstEvent { id } lastEvent { id }
  contributors { actor { kind id name role } count failed }
  events { nodes { id } totalCount { count isExact } } } }"""
METRICS = """query($filter: ActivityEventFilter) {
  activityMetrics(since: "2026-01-01T00:00:00Z", filter: $filter, bucket: MONTH) {
    total failed errorRatePct series { total failed }
    EVENT_TYPE: breakdown(by: EVENT_TYPE) { key label total failed }
    CATEGORY: breakdown(by: CATEGORY) { key label total failed }
    ACTOR: breakdown(by: ACTOR) { key label total failed } AGENT: breakdown(by: AGENT) { key label total failed }
    BOARD: breakdown(by: BOARD) { key label total failed } TASK: breakdown(by: TASK) { key label total failed }
    ACTION: breakdown(by: ACTION) { total failed } } }"""


# What can be told from counts made beforehand, as it is here, is asked for alone: beside anything else it would not be.
ROLLED = """query($filter: ActivityEventFilter) {
  activityMetrics(since: "2026-01-01T00:00:00Z", filter: $filter, bucket: MONTH) { total failed errorRatePct series { total failed }
    EVENT_TYPE: breakdown(by: EVENT_TYPE) { key label total failed }
    CATEGORY: breakdown(by: CATEGORY) { key label total failed } } }"""
ROLLED_BY = """query($filter: ActivityEventFilter) {
  activityMetrics(since: "2026-01-01T00:00:00Z", filter: $filter) { %s: breakdown(by: %s) { key label total failed } } }"""


def failed(events: list[Logged]) -> int:
    return sum(event.outcome == "FAILURE" for event in events)


async def test_audit_trail_is_what_the_caller_sees_of_an_entity(ask: Asking, caller: str) -> None:
    for kind, name in ENTITIES:
        trail = [event for event in seen_by(caller) if event.entity == (kind, name)]
        ids = [{"id": ask.id(event.name)} for event in trail]
        answer = (await ask.data(caller, TRAIL, {"type": kind, "id": ask.id(name)}))["auditTrail"]
        assert answer.pop("contributors") == contributors(ask, trail), name
        assert answer == {
            "entityType": kind,
            "entityId": ask.id(name),
            "entityName": (TITLES[name] if name in TITLES else ACTORS[name][1]) if trail else None,
            "firstEvent": ids[0] if ids else None,
            "lastEvent": ids[-1] if ids else None,
            "events": {"nodes": ids, "totalCount": {"count": len(ids), "isExact": True}},
        }, name


def contributors(ask: Asking, trail: list[Logged]) -> list[dict[str, Any]]:
    """Most events first, then by id."""
    by_actor: dict[str, list[Logged]] = {}
    for event in trail:
        by_actor.setdefault(event.actor, []).append(event)
    return [
        {
            "actor": dict(zip(("kind", "name", "role"), ACTORS[actor], strict=True)) | {"id": ask.id(actor)},
            "count": len(events),
            "failed": failed(events),
        }
        for actor, events in sorted(by_actor.items(), key=lambda entry: (-len(entry[1]), ask.id(entry[0])))
    ]


async def test_trail_of_something_hidden_answers_like_that_of_something_absent(ask: Asking, caller: str) -> None:
    shown = {event.entity for event in seen_by(caller)}
    status, absent = await ask.raw(caller, TRAIL, {"type": "task", "id": ABSENT})
    for name in ("alpha_task", "gamma_task", "globex_task"):
        if ("task", name) not in shown:
            answer = await ask.raw(caller, TRAIL, {"type": "task", "id": ask.id(name)})
            assert answer == (status, absent.replace(ABSENT.encode(), ask.id(name).encode())), name


async def test_metrics_count_what_the_caller_sees(ask: Asking, caller: str) -> None:
    visible = seen_by(caller)
    cases: list[tuple[dict[str, Any], list[Logged]]] = [
        ({}, visible),
        ({"boardId": [ask.id("gamma")]}, [event for event in visible if event.place[0] == "gamma"]),
        ({"boardId": [ask.id("globex_board")]}, [event for event in visible if event.place[0] == "globex_board"]),
        ({"agentId": [ask.id("bot")]}, [event for event in visible if event.actor == "bot"]),
    ]
    for wanted, events in cases:
        both = (len(events), failed(events))
        actors = [(ask.id(event.actor), ACTORS[event.actor][1], event) for event in events]
        expected = {
            "total": both[0],
            "failed": both[1],
            "errorRatePct": both[1] / both[0] * 100 if events else None,
            "EVENT_TYPE": breakdown([(event.event_type, event.event_type, event) for event in events]),
            "CATEGORY": breakdown([(first := event.event_type.split(".")[0], first, event) for event in events]),
            "ACTOR": breakdown(actors),
            "AGENT": breakdown([entry for entry in actors if ACTORS[entry[2].actor][0] == "AGENT"]),
            "BOARD": breakdown(placed(ask, events, 0)),
            "TASK": breakdown(placed(ask, events, 1)),
        }
        by = [ROLLED_BY % (dimension, dimension) for dimension in ("ACTOR", "AGENT", "BOARD")]
        for document in (METRICS, ROLLED, *by):
            answer = (await ask.data(caller, document, {"filter": wanted}))["activityMetrics"]
            for points in (answer.pop("series", None), answer.pop("ACTION", None)):
                if points is not None:
                    assert (sum(point["total"] for point in points), sum(point["failed"] for point in points)) == both
            assert answer == {name: expected[name] for name in answer}, wanted


def placed(ask: Asking, events: list[Logged], at: int) -> list[tuple[str, str, Logged]]:
    """The events that have a board (0) or a task (1), with its id and name."""
    return [(ask.id(name), TITLES[name], event) for event in events if (name := event.place[at]) is not None]


def breakdown(keyed: list[tuple[str, str, Logged]]) -> list[dict[str, Any]]:
    """Most events first, then by key."""
    groups: dict[tuple[str, str], list[Logged]] = {}
    for key, label, event in keyed:
        groups.setdefault((key, label), []).append(event)
    return [
        {"key": key, "label": label, "total": len(events), "failed": failed(events)}
        for (key, label), events in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0][0]))
    ]
