"""Search, an event, a trail, health and export: what the pages show is what the API says."""

import csv
import io
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.world import World, identity
from tests.web.browser import Browser
from tests.web.site import Server

EVENT = """query ($id: ID!) { activityEvent(id: $id) { sequence metadata } }"""
EXPORTED = """query ($filter: ActivityEventFilter) { activityEvents(filter: $filter, first: 200) { nodes {
  id cursor sequence eventType outcome message actor { kind id name role } onBehalfOf { kind id name role } boardId board { id name }
  taskId task { id title } entityType entityId entityName changes { path before after } correlationId createdAt category action
  occurredAt metadata
} } }"""
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =HYPERLINK()", 'a "quoted", one', "two\nlines", "＝1", "plain"]


def total(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def test_each_filter_finds_what_the_api_finds_and_the_address_says_so(
    browser: Browser, served: Server, world: World
) -> None:
    token = world.token("owner")
    wanted: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"picker": "Type", "option": "task.comment"}, {"eventType": ["task.comment"]}),
        ({"picker": "Actor", "option": "Mia"}, {"actorId": [identity("member")]}),
        ({"picker": "Agent", "option": "Builder"}, {"agentId": [identity("builder")]}),
        ({"picker": "Board", "option": "Beta"}, {"boardId": [identity("beta")]}),
        ({"picker": "Task", "option": "Gamma task"}, {"taskId": [identity("gamma_task")]}),
        ({"outcome": "Failed"}, {"outcome": ["FAILURE"]}),
        ({"outcome": "Denied"}, {"outcome": ["DENIED"]}),
        ({"text": "invoice"}, {"text": "invoice"}),
        ({"picker": "Category", "option": "Tasks"}, {"category": ["task"]}),
        ({"range": "Last 24 hours", "outcome": "Failed"}, {"outcome": ["FAILURE"]}),
        ({"between": ["2020-01-01T00:00", "2120-01-01T00:00"], "outcome": "Failed"}, {"outcome": ["FAILURE"]}),
    ]
    expected = [served.sequences(token, asked) for _, asked in wanted]
    assert all(len(found) > 0 for found in expected)
    choices = [{**choice, "total": total(len(found))} for (choice, _), found in zip(wanted, expected, strict=True)]
    answers = browser("searchBy", credential=token, choices=choices)
    for (choice, _), found, answer in zip(wanted, expected, answers, strict=True):
        assert answer["sequences"] == found[:50], choice
        assert answer["again"] == found[:50], choice
        assert answer["hash"] != "#/search"
        assert answer["counted"] == (f"{len(found):,}" if "picker" in choice else None)


def test_time_that_a_clock_shows_twice_or_never_leaves_nothing_out(browser: Browser, world: World) -> None:
    walls = ["2026-10-25T02:30", "2026-10-25T01:59", "2026-03-29T02:30", "2026-06-01T00:00"]
    found = browser("typedTimes", credential=world.token("owner"), zone="Europe/Berlin", walls=walls)
    assert found == [
        ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"],  # twice: from the first, until the second
        ["2026-10-24T23:59:00.000Z"] * 2,
        ["2026-03-29T01:30:00.000Z"] * 2,  # never: half past three, which the clock went on to
        ["2026-05-31T22:00:00.000Z"] * 2,
    ]


def test_address_of_somebody_who_sees_more_says_what_to_do(browser: Browser, world: World) -> None:
    hidden = f"board={identity('gamma')}"
    places = [
        f"#/?{hidden}", f"#/health?{hidden}", f"#/search?{hidden}&event={world.events['owner_gamma']}",
        "#/search?from=yesterday", "#/?board=no-id", "#/nowhere",
    ]  # fmt: skip
    said = browser("saidAt", credential=world.token("member"), places=places)
    assert [one["notes"] for one in said] == [
        ["No such board for you"], ["No such board for you"], ["Nothing matches", "Nothing to see here"],
        ["This cannot be asked"], ["This cannot be asked"], ["There is no such page"],
    ]  # fmt: skip
    assert [one["badge"] for one in said] == ["Live", "", "", "", "", ""]
    assert [one["links"] for one in said[:2]] == [["#/"], ["#/health"]]


def test_search_that_failed_is_asked_again_with_its_counts(browser: Browser, served: Server, world: World) -> None:
    expected = served.sequences(world.token("owner"), {"outcome": ["FAILURE"]})
    again, complaints = browser.noisily("askedAgain", credential=world.token("owner"), place="#/search?outcome=FAILURE")
    assert again == {"said": "The server does not answer", "total": total(len(expected)), "sequences": expected}
    assert all("502" in complaint for complaint in complaints), complaints


def test_long_list_is_read_to_its_end_and_agents_see_their_own(browser: Browser, served: Server, world: World) -> None:
    board = identity("gamma")
    for caller in ("owner", "bot"):
        expected = served.sequences(world.token(caller), {"boardId": [board]})
        found = browser("everythingAt", credential=world.token(caller), place=f"#/search?board={board}")
        assert found["sequences"] == expected, caller
    assert len(served.sequences(world.token("owner"), {"boardId": [board]})) > 600


def test_event_opens_with_changes_actors_and_metadata(browser: Browser, served: Server, world: World) -> None:
    token = world.token("service")
    given = {
        "eventType": "task.updated", "taskId": identity("alpha_task"), "message": "Two fields", "correlationId": "run-7",
        "changes": [{"path": "status", "before": "todo", "after": "doing"}, {"path": "tags", "before": None, "after": ["a", "b"]}],
        "metadata": {"model": "larch-2", "cost": {"tokens_used": 12}},
        "actor": {"kind": "AGENT", "id": identity("bot")}, "onBehalfOf": {"kind": "USER", "id": identity("owner")},
    }  # fmt: skip
    document = "mutation ($input: LogActivityInput!) { logActivity(input: $input) { event { id sequence metadata } } }"
    event = served.ask(document, {"input": given}, token=token)["logActivity"]["event"]
    shown = browser("openedEvent", credential=world.token("owner"), place="#/search?correlation=run-7", id=event["id"])
    assert shown["focus"] == "panel-title"
    assert shown["title"].split() == ["Updated", "Alpha", "task", "Succeeded"]
    assert shown["actors"].index("Olive") < shown["actors"].index("Bot")
    assert shown["changes"] == [["status", "todo", "doing"], ["tags", "–", '[\n "a",\n "b"\n]']]
    assert json.loads(shown["metadata"]) == event["metadata"]
    for fact in ("task.updated", "Alpha", "run-7 (1 event)", event["sequence"], event["id"]):
        assert fact in shown["facts"], fact


def test_trail_is_the_history_of_one_thing(browser: Browser, served: Server, world: World) -> None:
    task = identity("alpha_task")
    document = """query ($id: ID!) { auditTrail(entityType: "task", entityId: $id) {
      contributors { actor { name } count } events(direction: DESC) { nodes { sequence } totalCount { count } } } }"""
    for caller in ("owner", "member"):
        told = served.ask(document, {"id": task}, token=world.token(caller))["auditTrail"]
        shown = browser("trail", credential=world.token(caller), place=f"#/trail/task/{task}")
        sequences = [int(node["sequence"]) for node in told["events"]["nodes"]]
        assert shown["title"] == "Alpha task"
        assert shown["sequences"] == sequences
        assert shown["oldestFirst"] == sequences[::-1]
        assert shown["lead"].startswith(f"{told['events']['totalCount']['count']} events by ")
        assert shown["contributors"] == [[one["actor"]["name"], one["count"]] for one in told["contributors"]]
        assert any("status todo → doing" in text.replace("\n", " ") for text in shown["changes"])


def test_long_trail_is_read_to_its_end(browser: Browser, served: Server, world: World) -> None:
    board = {"type": "board", "id": identity("gamma")}
    expected = served.sequences(world.token("owner"), {"entity": board})
    assert len(expected) >= 600
    found = browser("everythingAt", credential=world.token("owner"), place=f"#/trail/board/{board['id']}")
    assert found["sequences"] == expected


def test_hidden_and_absent_things_have_no_trail(browser: Browser, served: Server, world: World) -> None:
    for thing in (identity("gamma_task"), "no such thing"):
        shown = browser("everythingAt", credential=world.token("member"), place=f"#/trail/task/{thing}")
        assert shown == {"sequences": []}


def test_charts_are_drawn_and_a_point_opens_its_events(browser: Browser, served: Server, world: World) -> None:
    token = world.token("owner")
    shown = browser("health", credential=token)
    document = """query ($since: DateTime!) { activityMetrics(since: $since, bucket: MONTH) { total failed
      types: breakdown(by: EVENT_TYPE, first: 8) { key total } boards: breakdown(by: BOARD, first: 8) { label total } } }"""
    # The whole log is younger than the day that is shown.
    metrics = served.ask(document, {"since": "2020-01-01T00:00:00Z"}, token=token)["activityMetrics"]
    assert all(colours > 3 for colours in shown["colours"]), "nothing is drawn"
    assert shown["tiles"][:2] == [f"{metrics['total']:,}", f"{metrics['failed']:,}"]
    assert shown["rankings"][0] == [[row["key"], row["total"]] for row in metrics["types"]]
    assert shown["rankings"][2] == [[row["label"], row["total"]] for row in metrics["boards"]]
    assert sum(int(row[1].replace(",", "")) for row in shown["table"]) == metrics["total"]
    last = served.sequences(token, {"since": shown["from"], "until": shown["to"]})
    assert shown["total"] == total(len(last))
    begun = datetime.fromisoformat(shown["from"]).astimezone(ZoneInfo("Europe/Berlin"))  # where the browser is
    assert shown["table"][-1][:2] == [f"{begun:%-d %b, %H:00}", f"{len(last):,}"]


@pytest.fixture(scope="module")
def formulas(served: Server, templates: World) -> str:
    """Messages that a spreadsheet would take for formulas, under one correlation."""
    inputs = [{"eventType": "a.b", "message": text, "correlationId": "formulas"} for text in FORMULAS]
    served.log(templates.token("service"), *inputs)
    return "#/search?correlation=formulas"


def test_exports_are_what_the_api_gives(browser: Browser, served: Server, world: World, formulas: str) -> None:
    token = world.token("owner")
    files = browser("exported", credential=token, place=formulas, formats=["CSV", "JSONL"])
    asked = {"filter": {"correlationId": "formulas"}}
    nodes = served.ask(EXPORTED, asked, token=token)["activityEvents"]["nodes"]
    assert len(nodes) == len(FORMULAS)
    assert [json.loads(line) for line in files["JSONL"]["text"].splitlines()] == nodes
    rows = list(csv.DictReader(io.StringIO(files["CSV"]["text"].removeprefix("\ufeff"), newline="")))
    assert [row["id"] for row in rows] == [node["id"] for node in nodes]
    dangerous = set(FORMULAS) - {'a "quoted", one', "two\nlines", "plain"}
    for row, node in zip(rows, nodes, strict=True):
        text = node["message"]
        assert row["message"] == (f"'{text}" if text in dangerous else text)
        assert (row["sequence"], row["actorName"]) == (node["sequence"], node["actor"]["name"])
    assert [name.rpartition(".")[2] for name in (files["CSV"]["name"], files["JSONL"]["name"])] == ["csv", "jsonl"]
    assert files["CSV"]["said"] == f"{len(FORMULAS)} events are in the file."


def test_long_export_is_read_page_by_page_and_can_be_cancelled(browser: Browser, served: Server, world: World) -> None:
    token, place = world.token("owner"), f"#/search?board={identity('gamma')}"
    expected = served.sequences(token, {"boardId": [identity("gamma")]})
    files = browser("exported", credential=token, place=place, formats=["JSONL"])
    assert [int(json.loads(line)["sequence"]) for line in files["JSONL"]["text"].splitlines()] == expected
    cancelled = browser("cancelledExport", credential=token, place=place)
    assert (cancelled["asked"], cancelled["downloads"]) == (2, 0)
    assert cancelled["progress"] == f"200 of {len(expected)} events read"
